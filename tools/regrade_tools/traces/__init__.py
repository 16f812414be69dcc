"""Traces: imported, completed, searched, counted, told, kept and exported."""
