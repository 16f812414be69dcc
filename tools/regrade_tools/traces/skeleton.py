"""The steps of a trace, a line each: of the spans as a tree, or of the conversation."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.models import Message, Span, Trace
from regrade_tools.texts.clipping import clip, size
from regrade_tools.texts.jsontext import compact
from regrade_tools.texts.plaintext import counted
from regrade_tools.traces.wrong import Wrong, told

_STEP = 110
_ID, _NAME, _GIST = 24, 60, 44
_DEEPEST = 6
_GIVEN = ("input", "args", "arguments")
_SAID = ("text", "content", "output", "result")
# A gap in what is shown takes a line, too.
_GAP = 20
# No step line can be of use beyond this many; more are only counted.
_MOST = 120
_BIG = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """One line. ``matters`` is 0 for what tells least, such as the plumbing of a framework."""

    line: str
    matters: int = 1


def steps(trace: Trace, wrong: Wrong | None) -> tuple[list[Step], int | None]:
    """Every step, and the place of the one where it went wrong."""
    if len(trace.spans) > 1 or not trace.messages:
        spans = list(_tree(trace.spans))
        at = next(
            (n for n, (span, _) in enumerate(spans) if wrong and span.id == wrong.span_id), None
        )
        parents = {span.parent_id for span in trace.spans}
        names = {call.name for call in trace.tool_calls}
        found = [
            Step(
                _span_line(span, depth, trace.file, calls=_calls(span, names)),
                2 if span.call.name in names else _matters(span, parents),
            )
            for span, depth in spans
        ]
        return found, at
    found = [Step(_message_line(n, message)) for n, message in enumerate(trace.messages, 1)]
    return found, wrong.step - 1 if wrong and wrong.step else None


def shown(found: Sequence[Step], at: int | None, room: int) -> list[str]:
    """The steps that fit ``room`` bytes, with a count where some are left out.

    What went wrong comes first, then the beginning and the end, then what is near the wrong.
    """
    kept: set[int] = set()
    room -= _GAP
    for place in _order(found, at):
        # Between two steps that are shown and do not adjoin stands a count of those left out.
        gaps = 1 - (place - 1 in kept) - (place + 1 in kept)
        room -= size(found[place].line) + 1 + gaps * _GAP
        if room < 0:
            break
        kept.add(place)
    lines: list[str] = []
    left_out = 0
    for place, step in enumerate(found):
        if place in kept:
            lines.extend([f"... {counted(left_out, 'step')}"] if left_out else [])
            lines.append(step.line)
            left_out = 0
        else:
            left_out += 1
    return [*lines, *([f"... {counted(left_out, 'step')}"] if left_out else [])]


def _order(found: Sequence[Step], at: int | None) -> list[int]:
    count = len(found)
    near = range(count) if at is None else sorted(range(count), key=lambda n: abs(n - at))
    first = [] if at is None else [at]
    ends = [0, 1, count - 1, count - 2, count - 3]
    likely = [*first, *(n for n in ends if 0 <= n < count), *near[:_BIG]]
    by_worth = sorted(dict.fromkeys(likely), key=lambda n: -found[n].matters if n != at else -9)
    return by_worth[:_MOST]


def _tree(spans: tuple[Span, ...]) -> Iterator[tuple[Span, int]]:
    """Each span with its depth: children below their parent, in the order of time."""
    ids = {span.id for span in spans}
    children: defaultdict[str, list[int]] = defaultdict(list)
    for place, span in enumerate(spans):
        # An orphan stands at the top, and so does what is its own parent.
        inside = span.parent_id in ids and span.parent_id not in ("", span.id)
        children[span.parent_id if inside else ""].append(place)
    seen: set[int] = set()
    named: set[str] = set()

    def below(parent: str, depth: int) -> list[tuple[int, int]]:
        places = sorted(children[parent], key=lambda n: (spans[n].started_at or 0, n), reverse=True)
        return [(place, depth) for place in places]

    waiting = below("", 0)
    rest = iter(range(len(spans)))
    while len(seen) < len(spans):
        if not waiting:
            # What is left is a ring of parents: it is entered where it stands first.
            waiting = [(next(n for n in rest if n not in seen), 0)]
        place, depth = waiting.pop()
        if place in seen:
            continue
        seen.add(place)
        span = spans[place]
        yield span, depth
        if span.id and span.id not in named:
            named.add(span.id)
            waiting.extend(below(span.id, depth + 1))


def _matters(span: Span, parents: set[str]) -> int:
    if span.status == "error":
        return 3
    if span.kind != "other":
        return 2
    return 1 if span.id in parents else 0


def _calls(span: Span, names: AbstractSet[str]) -> bool:
    """Whether a tool or a search was called, which not every log says of its spans."""
    return span.kind in ("tool", "retrieval") or span.call.name in names


def _span_line(span: Span, depth: int, known: str, *, calls: bool) -> str:
    """A span, with its service where it tells one; the outermost not where it is ``known``."""
    kind = "" if span.kind == "other" else f"{span.kind} "
    took = "" if span.duration_ms is None else f" {span.duration_ms:.0f} ms"
    name = f"{clip(span.id, _ID)} {kind}{clip(span.name, _NAME)}".strip()
    told = span.service if depth or span.service != known else ""
    service = f" [{clip(_one_line(told), _ID)}]" if told else ""
    line = f"{'  ' * min(depth, _DEEPEST)}{name}{service}{took}"
    if span.status == "error":
        return clip(f"{line} ERROR {_one_line(span.error)}".rstrip(), _STEP)
    if calls:
        line += f" {_gist(span.input, _GIVEN)} -> {_gist(span.output, _SAID)}"
    elif span.kind == "llm":
        said = _unwrapped(span.output, _SAID)
        # What is no text is mostly a call, which has a line of its own.
        line += f" -> {_gist(said, ())}" if isinstance(said, str) and said.strip() else ""
    return clip(line, _STEP + _GIST)


def _gist(value: JsonValue, wrappers: tuple[str, ...]) -> str:
    said = _unwrapped(value, wrappers)
    text = "" if said is None else said if isinstance(said, str) else compact(said)
    return clip(_one_line(text), _GIST) or "nothing"


def _unwrapped(value: JsonValue, wrappers: tuple[str, ...]) -> JsonValue:
    """``value`` without what only wraps it, such as the parts of a message around their text."""
    for _ in range(_DEEPEST):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict):
            name = next((name for name in wrappers if value.get(name)), None)
            if name is None:
                return value
            value = value[name]
        else:
            return value
    return value


def _message_line(number: int, message: Message) -> str:
    calls = ", ".join(f"-> {told(call)}" for call in message.tool_calls)
    said = f"{_one_line(message.content)} {calls}".strip()
    name = f" {clip(message.name, _ID)}" if message.name else ""
    return f"{number} {clip(message.role, _ID)}{name}: {clip(said, _STEP) or 'nothing'}"


def _one_line(text: str) -> str:
    # A message of megabytes is not gone through for its first words.
    return " ".join(text[: _STEP * 8].split())
