"""`regrade show ID`: a trace, a run or a case, as a person reads it on a terminal."""

from argparse import Namespace
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from regrade_server.cli import printing
from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console, dumped
from regrade_server.cli.living import alive
from regrade_server.house import House
from regrade_tools.files.documents import dump
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.fingerprint import is_run
from regrade_tools.models import Case, Label, Trace
from regrade_tools.models.case import Spec, is_name
from regrade_tools.refusal import Refusal, Unavailable
from regrade_tools.suites.planning import levels
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import legible
from regrade_tools.texts.plaintext import line
from regrade_tools.traces.digest import digest
from regrade_tools.traces.verbs import stored_trace

# What a line says of a trace, in this order.
_FACTS = ("name", "status", "when", "duration_ms", "ttft_ms", "model", "tokens", "cost_usd",
          "session", "tags", "source", "labels", "feedback", "metadata")  # fmt: skip
_INDENT = " " * 4
# So much of a system prompt tells which one it is; it stands before every conversation.
_BEGINNING = 240


def add_to(verb: Adder) -> None:
    """Add the command."""
    showing = verb("show", show)
    showing.add_argument("id", help="such as tr_..., run_..., the id of a case, or SUITE/CASE")
    much = showing.add_mutually_exclusive_group()
    much.add_argument("--digest", action="store_true", help="of a trace the last exchange alone")
    much.add_argument("--whole", action="store_true", help="of a trace its system prompts, too")


def show(told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Show what has this id."""
    house = House(workspace)
    cases = [] if told.id.startswith("tr_") or is_run(told.id) else _cases(workspace, told.id)
    if not is_run(told.id) and not cases:
        trace, labels = alive(house, lambda one: _trace(one, told.id))
        if console.as_json:
            console.data(digest(trace, labels)[0] if told.digest else dumped(trace))
        parts = _brief(trace, labels) if told.digest else _about(trace, labels, whole=told.whole)
        console.say("\n".join(parts))
    elif is_run(told.id):
        report = alive(house, lambda one: one.suites.get_run(told.id))
        console.result(report, printing.run(report))
    else:
        for suite, case in cases:
            asked, wrong = _inherited(needed(workspace), suite, case)
            lines = [*_case(needed(workspace), suite, case, asked)]
            lines += [f"  WRONG: {line(wrong)}"] if wrong else []
            console.result(case, "\n".join(lines), suite=suite, inherited=asked, wrong=wrong)
    return 0


async def _trace(house: House, trace_id: str) -> tuple[Trace, tuple[Label, ...]]:
    try:
        trace = await stored_trace(house.store, trace_id)
    except Unavailable:
        raise
    except Refusal as refusal:
        raise refusal if trace_id.startswith("tr_") else _unknown(trace_id) from None
    return trace, tuple(await house.store.labels(trace_ids=[trace.id]))


def _brief(trace: Trace, labels: tuple[Label, ...]) -> Iterator[str]:
    """A trace as an agent reads it first."""
    content, _ = digest(trace, labels)
    yield from _known(trace, content)
    for name in ("opening", "input", "output", "program"):
        if name in content:
            yield from _part(name, content[name])


def _about(trace: Trace, labels: tuple[Label, ...], *, whole: bool) -> Iterator[str]:
    """A trace: what is known of it, what first went wrong, its steps, and all that was said.

    Without ``whole`` only the beginning of what the system said.
    """
    yield from _known(trace, digest(trace, labels)[0])
    if trace.program or not trace.messages:
        yield from _part("input", trace.input)
        yield from _part("output", trace.output)
    for number, message in enumerate(trace.messages, 1):
        called = " ".join(filter(None, (message.role, message.name)))
        cut = message.role in ("system", "developer") and not whole
        yield from _part(
            f"{number} {line(called)}", _begun(message.content) if cut else message.content
        )
        for call in message.tool_calls:
            yield f"{_INDENT}calls {line(call.name)} {line(legible(call.arguments))}"


def _begun(text: str) -> str:
    """The beginning of a long ``text``, and how to see the rest of it."""
    if len(text) <= _BEGINNING:
        return text
    left = len(text) - _BEGINNING
    return f"{text[:_BEGINNING]}...\n[{left:,} more characters: --whole shows them]"


def _known(trace: Trace, content: dict[str, JsonValue]) -> Iterator[str]:
    yield trace.id
    for name in _FACTS:
        if name in content:
            yield f"  {name}: {line(legible(content[name]))}"
    wrong = content.get("first_wrong")
    if isinstance(wrong, dict):
        yield f"  WRONG ({wrong['kind']}): {line(str(wrong['what']))} [{wrong['where']}]"
    steps = content.get("steps")
    if trace.spans and isinstance(steps, list):
        yield "-- steps"
        yield from (f"{_INDENT}{step}" for step in steps)


def _part(heading: str, value: JsonValue) -> Iterator[str]:
    """A part with its text further in, so that no line of it passes for one of ours."""
    yield f"-- {heading}"
    lines = legible(value, indent=2).splitlines()
    yield from (f"{_INDENT}{one.expandtabs(4)}" for one in lines)


def _cases(workspace: Workspace | None, case_id: str) -> list[tuple[str, Case]]:
    """The cases with this id; a suite cannot have two.

    Raises:
        Refusal: No suite has one, nor is there a store that could have such a trace.
    """
    place = needed(workspace)
    suite, _, name = case_id.rpartition("/")
    # Only a plain name is ever made a path of.
    suites = [one for one in place.suites() if suite in ("", one)] if is_name(name) else []
    found = [(suite, place.some_cases(suite, [name])) for suite in suites]
    cases = [(suite, held[name]) for suite, held in found if held]
    if not cases and not (place.state / "store.db").exists():
        raise _unknown(case_id)
    return cases


def _unknown(told: str) -> Refusal:
    return Refusal(
        f"There is no trace, run or case {clip(line(told), 60)!r}.",
        next_step="`regrade search` finds traces, `regrade call overview` names runs and "
        "suites; the cases of a suite are the files in evals/cases/<suite>/.",
    )


def _inherited(
    workspace: Workspace, suite: str, case: Case
) -> tuple[dict[str, list[Spec]], str | None]:
    """What the suite, the feature and the scenario ask of a case, too; or why nobody can tell."""
    try:
        asked = levels(workspace.suite(suite), case)
    except Refusal as refusal:
        return {}, str(refusal)
    return {where: [*specs] for where, specs in asked if specs}, None


def _case(
    workspace: Workspace, suite: str, case: Case, inherited: Mapping[str, list[Spec]]
) -> Iterator[str]:
    path = workspace.case_path(suite, case.id)
    where = workspace.shown(path) if workspace.holds(path) else "a row of its dataset"
    told = dump(case.model_dump(mode="json", exclude_defaults=True))
    yield f"{case.id} ({suite}, {where})"
    yield from (f"{_INDENT}{one}" for one in told.splitlines())
    for level, specs in inherited.items():
        yield f"-- {level} asks of it, too"
        asked = dump(list[JsonValue](dict(spec) for spec in specs))
        yield from (f"{_INDENT}{one}" for one in asked.splitlines())
