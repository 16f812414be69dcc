"""Programs under test: started fresh for each run, asked by JSON lines, stopped for good."""

from regrade_server.program.scorers import ScorerPrograms
from regrade_server.program.target import Programs

__all__ = ["Programs", "ScorerPrograms"]
