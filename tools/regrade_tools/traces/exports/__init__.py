"""Traces written out: whole, as a table, as OpenTelemetry spans, or to train a model with."""

from regrade_tools.traces.exports.exporting import EXPORTS, Exported, Exports

__all__ = ["EXPORTS", "Exported", "Exports"]
