"""A case becomes a file: once, and never over another."""

from dataclasses import dataclass, field, replace
from difflib import unified_diff
from typing import cast

from pydantic import JsonValue

from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import fingerprint
from regrade_tools.inputs.similarity import comparable, similarity
from regrade_tools.models import Case
from regrade_tools.refusal import Refusal
from regrade_tools.suites.planning import planned_case
from regrade_tools.texts.clipping import clip, size
from regrade_tools.texts.jsontext import compact

# Below this two inputs only share their form; measured on greetings and small edits.
_ALIKE = 0.9
_DIFF = 2_500
_SHOWN = 80
_LARGEST = 1_000_000
_TIMES = ("latency_ms", "ttft_ms")


@dataclass(frozen=True, slots=True)
class Similar:
    """A case whose input is nearly the same."""

    case_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Filed:
    """What was filed: ``failed`` is the proof, ``guards`` passed and prove nothing yet."""

    case_id: str
    path: str
    created: bool
    failed: list[str]
    guards: list[str] = field(default_factory=list[str])
    similar: list[Similar] = field(default_factory=list[Similar])
    diff: str | None = None
    hint: str | None = None


def file(workspace: Workspace, suite: str, case: Case, filed: Filed, *, dry_run: bool) -> Filed:
    """Write ``case``, unless it is there already; ``filed.hint`` says what shows it red."""
    planned = planned_case(workspace.suite(suite), case)
    if not any(check.assertion.reads_context for check in planned.checks) and case.recorded:
        # There may be much of it, and nothing asks for it.
        case = case.model_copy(
            update={"recorded": case.recorded.model_copy(update={"context": ()})}
        )
    others = workspace.cases(suite)
    known = next((other for other in others if _same(other, case)), None)
    if known is not None:
        return _there(workspace, suite, known, case, filed)
    path = workspace.case_path(suite, case.id)
    shown = path.relative_to(workspace.root).as_posix()
    text = case_text(case)
    diff = "".join(unified_diff([], text.splitlines(keepends=True), "/dev/null", f"b/{shown}"))
    told = replace(
        filed, case_id=case.id, path=shown, similar=_similar(others, case), diff=clip(diff, _DIFF)
    )
    unlike = _unlike(suite, others, case)
    if dry_run:
        hint = "Nothing was written: dry_run. File it without dry_run."
        return replace(told, hint=f"{hint}{unlike}")
    if workspace.write_new(path, text):
        hint = f"It is red until the product is mended: {filed.hint}{unlike}"
        return replace(told, created=True, hint=hint)
    # Another process was quicker.
    other = workspace.some_cases(suite, {case.id}).get(case.id)
    if other is None or not _same(other, case):
        raise Refusal(
            f"{shown} is there already and holds another case; nothing was written.",
            next_step="Give another reason, which names the file.",
        )
    return _there(workspace, suite, other, case, filed)


def _there(workspace: Workspace, suite: str, other: Case, case: Case, filed: Filed) -> Filed:
    shown = workspace.place_of(suite, workspace.suite(suite).dataset, other.id)
    if not workspace.holds(workspace.case_path(suite, other.id)):
        # A row has no reason that could be edited.
        case = case.model_copy(update={"reason": ""})
    missing = _missing(other, case)
    hint = (
        "A case of this input and these assertions is filed already, and nothing was written. Its "
        f"file lacks what this call says: {', '.join(missing)}. Edit {shown} to add it."
        if missing
        else "This very case is filed already; nothing was written."
    )
    return replace(filed, case_id=other.id, path=shown, hint=hint)


def _missing(other: Case, case: Case) -> list[str]:
    """What ``case`` says beside its input and its assertions and ``other`` does not."""
    tags = [tag for tag in case.tags if tag not in other.tags]
    named = {
        "feature": (case.feature, other.feature),
        "scenario": (case.scenario, other.scenario),
        "reason": (case.reason, other.reason),
    }
    right = case.corrected_output
    return [
        *([f"tags {compact(list[JsonValue](tags))}"] if tags else []),
        *(
            f"{key} {clip(mine, _SHOWN)!r}"
            for key, (mine, theirs) in named.items()
            if mine and mine != theirs
        ),
        *(["corrected_output"] if right is not None and right != other.corrected_output else []),
    ]


def _unlike(suite: str, others: tuple[Case, ...], case: Case) -> str:
    """That the input is of a kind that no other case of the suite has, if so."""
    kinds = dict.fromkeys(_kind(other.input) for other in others)
    mine = _kind(case.input)
    if not kinds or mine in kinds:
        return ""
    return (
        f" Its input is {mine}, and that of the other cases of {suite} is {' or '.join(kinds)}: "
        "where the program takes no such input, give input beside trace_id, or span_id; or let "
        "preprocess of the target make it one."
    )


def _kind(given: JsonValue) -> str:
    if isinstance(given, list):
        chat = bool(given) and all(isinstance(item, dict) and "role" in item for item in given)
        return "a list of messages" if chat else "a list"
    if isinstance(given, dict):
        return "an object"
    return "nothing" if given is None else "a text" if isinstance(given, str) else "a number"


def _same(left: Case, right: Case) -> bool:
    return left.state == right.state and {fingerprint(dict(s)) for s in left.assertions} == {
        fingerprint(dict(s)) for s in right.assertions
    }


def _similar(others: tuple[Case, ...], case: Case) -> list[Similar]:
    mine = comparable(case.input)
    scored = ((other.id, similarity(comparable(other.input), mine, _ALIKE)) for other in others)
    found = [Similar(case_id, round(score, 3)) for case_id, score in scored if score >= _ALIKE]
    return sorted(found, key=lambda item: -item.similarity)[:5]


def case_text(case: Case) -> str:
    """The file of a case, in the order in which a person reads it."""
    # Imported with the first case: a server that lists its tools writes none.
    from regrade_tools.files.documents import DocumentError, dump, load  # noqa: PLC0415

    written = case.model_dump(mode="json", exclude_defaults=True)
    if size(written) > _LARGEST:
        raise Refusal(
            f"The case is larger than {_LARGEST:,} characters: nobody would review its file.",
            next_step="Record less of the input or the output.",
        )
    kept = cast("dict[str, JsonValue]", written.get("recorded", {}))
    for name in _TIMES:
        value = kept.get(name)
        # A person reads 713, not 713.0.
        if isinstance(value, float) and value.is_integer():
            kept[name] = int(value)
    order = ("id", "candidate", "reason", "feature", "scenario", "tags", "input", "assertions")
    first = {key: written[key] for key in order if key in written}
    text = dump({**first, **written})
    try:
        load(text)
    except DocumentError as problem:
        raise Refusal(
            f"The case could not be read back from a file: it {problem}.",
            next_step="Record less of the input or the output.",
        ) from None
    return text
