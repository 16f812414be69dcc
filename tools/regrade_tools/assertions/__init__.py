"""The deterministic checks: ``(check, subject) -> Passed | Failed | Errored``."""

from regrade_tools.assertions.asking import Check, check, check_all, verdicts_of, with_reference
from regrade_tools.assertions.execution import Executes
from regrade_tools.assertions.kinds import (
    KINDS,
    described,
    fields_of,
    json_schema,
    parse,
    parse_all,
)
from regrade_tools.assertions.scorers import CommandScorer, JudgeScorer, PythonScorer, Scorer
from regrade_tools.assertions.verdicts import (
    Assertion,
    Errored,
    Failed,
    Passed,
    Subject,
    UndecidableError,
    Verdict,
    span_subject,
    subject_of,
)

__all__ = [
    "KINDS",
    "Assertion",
    "Check",
    "CommandScorer",
    "Errored",
    "Executes",
    "Failed",
    "JudgeScorer",
    "Passed",
    "PythonScorer",
    "Scorer",
    "Subject",
    "UndecidableError",
    "Verdict",
    "check",
    "check_all",
    "described",
    "fields_of",
    "json_schema",
    "parse",
    "parse_all",
    "span_subject",
    "subject_of",
    "verdicts_of",
    "with_reference",
]
