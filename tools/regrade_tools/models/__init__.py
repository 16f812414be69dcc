"""The nouns: plain, frozen data that every other room speaks of."""

from regrade_tools.models.case import Case, Provenance, Recorded
from regrade_tools.models.dataset import Dataset
from regrade_tools.models.run import (
    CaseResult,
    CheckResult,
    Outcome,
    Run,
    RunEnd,
    RunState,
    Scheduled,
    StoredRun,
)
from regrade_tools.models.suite import Feature, GatePolicy, Scenario, Suite
from regrade_tools.models.target import (
    CommandTarget,
    Project,
    PythonTarget,
    RecordedTarget,
    TargetSpec,
)
from regrade_tools.models.trace import Exchange, Message, Span, SpanKind, Status, ToolCall, Trace

__all__ = [
    "Case",
    "CaseResult",
    "CheckResult",
    "CommandTarget",
    "Dataset",
    "Exchange",
    "Feature",
    "GatePolicy",
    "Message",
    "Outcome",
    "Project",
    "Provenance",
    "PythonTarget",
    "Recorded",
    "RecordedTarget",
    "Run",
    "RunEnd",
    "RunState",
    "Scenario",
    "Scheduled",
    "Span",
    "SpanKind",
    "Status",
    "StoredRun",
    "Suite",
    "TargetSpec",
    "ToolCall",
    "Trace",
]
