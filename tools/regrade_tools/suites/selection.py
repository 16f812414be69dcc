"""Which cases of a suite are meant: ``tag:critical scenario:one -id:case_x*``."""

from fnmatch import fnmatchcase

from regrade_tools.models import Case, Scheduled
from regrade_tools.refusal import unknown

_SELECTORS = ("tag", "feature", "scenario", "id")
EXAMPLE = "Example: tag:critical scenario:one -id:case_x*"


def selected(case: Case | Scheduled, select: str) -> bool:
    """Whether ``case`` fits every term of ``select``; any case fits an empty one.

    Raises:
        Refusal: A term is of no known kind.
    """
    return not select or all(_fits(case, term) for term in select.split())


def _fits(case: Case | Scheduled, term: str) -> bool:
    negated, bare = term.startswith("-"), term.removeprefix("-")
    key, colon, pattern = bare.partition(":")
    if not colon:
        key, pattern = "id", bare
    if key not in _SELECTORS:
        raise unknown("selector", key, _SELECTORS, next_step=EXAMPLE)
    values = {
        "tag": case.tags,
        "feature": (case.feature or "",),
        "scenario": (case.scenario or "",),
        "id": (case.id,),
    }[key]
    return any(fnmatchcase(value, pattern) for value in values) != negated
