"""Transcripts of Claude Code: a session, told line by line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_tools.formats.fields import Fields, inside, number, objects, text, tokens, total
from regrade_tools.formats.messages import messages
from regrade_tools.formats.spans import LoggedSpan, Origin
from regrade_tools.models import Message, Span, Trace
from regrade_tools.texts.timestamps import moment

_SPOKEN = ("user", "assistant")
# Lines that tell of the session, not of what was said in it.
_OTHERS = frozenset({"summary", "system", "attachment", "progress", "file-history-snapshot",
                     "queue-operation", "custom-title", "last-prompt"})  # fmt: skip
_FACTS = ("cwd", "gitBranch", "version")
_Line = tuple[float | None, dict[str, JsonValue]]


def is_claude_code(record: Fields) -> bool:
    """Whether ``record`` is a line of a transcript."""
    kind = record.get("type")
    if kind in _SPOKEN:
        told = "role" in inside(record, "message")
        return told and ("timestamp" in record or "sessionId" in record)
    known = isinstance(kind, str) and kind in _OTHERS
    return known and not {"sessionId", "leafUuid", "snapshot"}.isdisjoint(record)


def spans(record: Fields, where: str) -> Iterator[LoggedSpan]:
    """The line, where somebody speaks in it."""
    if record.get("type") in _SPOKEN and isinstance(record.get("message"), dict):
        yield span(record, where)


def span(logged: Fields, where: str) -> LoggedSpan:
    """One line, as ``from_lines`` takes it."""
    return LoggedSpan(
        where=where,
        trace_id=text(logged, ("sessionId",)),
        raw=dict(logged),
        conversation=tuple[Message, ...],
        span=Span(text(logged, ("uuid",)), "", started_at=moment(logged.get("timestamp"))),
    )


@dataclass
class _Step:
    """What one message of the model, told by several lines, is known to be."""

    began: float | None
    line: Fields
    content: list[JsonValue] = field(default_factory=list[JsonValue])
    used: tuple[int | None, int | None] = (None, None)


def from_lines(logged: Sequence[LoggedSpan], blank: Origin | Trace) -> Trace:
    """The trace of a session: what was said in it, its model calls and tools as spans.

    A message of the model is told in a line for each of its blocks, and its usage stands on
    all of them. What a subagent did is under a span of its own, not in the conversation.
    """
    lines = _lines(logged)
    steps = _steps(lines)
    main = [(began, line) for began, line in lines if not line.get("isSidechain")]
    said = tuple(_conversation(main))
    starts = [began for began, _ in lines if began is not None]
    models = [text(inside(step.line, "message"), ("model",)) for step in steps]
    costs = [cost for step in steps if (cost := number(step.line, ("costUSD",))) is not None]
    last = [line for _, line in main if line["type"] == "assistant"][-1:]
    failed = any(line.get("isApiErrorMessage") is True for line in last)
    facts = inside({"facts": next((line for _, line in lines if "cwd" in line), None)}, "facts")
    return Trace(
        id=blank.id,
        source=blank.source,
        format=blank.format,
        raw=blank.raw,
        tags=blank.tags,
        external_id=logged[0].trace_id,
        session=logged[0].trace_id,
        model=next((model for model in reversed(models) if model and model[0] != "<"), ""),
        status="error" if failed else "ok",
        error=said[-1].content if failed and said else "",
        started_at=min(starts) if starts else None,
        duration_ms=(max(starts) - min(starts)) * 1000 if starts else None,
        input_tokens=total(step.used[0] for step in steps),
        output_tokens=total(step.used[1] for step in steps),
        cost_usd=sum(costs) if costs else None,
        messages=said,
        spans=(*(_model_span(step) for step in steps), *_tool_spans(lines), *_agents(lines)),
        metadata={name: facts[name] for name in _FACTS if text(facts, (name,))},
    )


def _lines(logged: Sequence[LoggedSpan]) -> list[_Line]:
    """Each line once: a session that is resumed is copied into the next file."""
    seen: set[str] = set()
    found: list[_Line] = []
    for item in logged:
        if isinstance(item.raw, dict) and (not item.span.id or item.span.id not in seen):
            seen.add(item.span.id)
            found.append((item.span.started_at, item.raw))
    return found


def _steps(lines: Sequence[_Line]) -> list[_Step]:
    steps: dict[str, _Step] = {}
    for place, (began, line) in enumerate(lines):
        if line["type"] != "assistant":
            continue
        message = inside(line, "message")
        step = steps.setdefault(_message_id(line) or f"#{place}", _Step(began, line))
        step.content.extend(_blocks(message))
        # The last line of a message tells its whole usage.
        given, answered = tokens(inside(message, "usage"))
        before = step.used
        step.used = (_most(before[0], given), _most(before[1], answered))
    return list(steps.values())


def _most(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)


def _message_id(line: Fields) -> str:
    return text(inside(line, "message"), ("id",)) or text(line, ("requestId",))


def _blocks(message: Fields) -> list[JsonValue]:
    content = message.get("content")
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _conversation(lines: Sequence[_Line]) -> Iterator[Message]:
    """The messages, those that came in several lines as one."""
    whole: dict[str, list[JsonValue]] = {}
    turns: list[dict[str, JsonValue]] = []
    for _, line in lines:
        if line.get("isMeta") is True:
            continue
        message, name = inside(line, "message"), _message_id(line)
        if line["type"] == "assistant" and name in whole:
            whole[name].extend(_blocks(message))
            continue
        blocks = list(_blocks(message))
        turns.append({"role": message.get("role"), "content": blocks})
        if line["type"] == "assistant" and name:
            whole[name] = blocks
    yield from (turn for turn in messages(list[JsonValue](turns)))


def _model_span(step: _Step) -> Span:
    message = inside(step.line, "message")
    return Span(
        id=_message_id(step.line) or text(step.line, ("uuid",)),
        name=text(message, ("model",)),
        kind="llm",
        parent_id=text(step.line, ("agentId",)),
        started_at=step.began,
        model=text(message, ("model",)),
        output=step.content,
    )


def _tool_spans(lines: Sequence[_Line]) -> Iterator[Span]:
    """A span for each call of a tool, with the result that came for it."""
    results: dict[str, tuple[float | None, Fields]] = {}
    for began, line in lines:
        for block in objects(inside(line, "message").get("content")):
            if block.get("type") == "tool_result":
                results[text(block, ("tool_use_id",))] = began, block
    for began, line in lines:
        for block in objects(inside(line, "message").get("content")):
            if block.get("type") == "tool_use":
                name = text(block, ("id",))
                ended, result = results.get(name, (None, {}))
                failed = result.get("is_error") is True
                took = (ended - began) * 1000 if ended is not None and began is not None else None
                said = result.get("content")
                yield Span(
                    id=name,
                    name=text(block, ("name",)),
                    kind="tool",
                    parent_id=_message_id(line),
                    started_at=began,
                    duration_ms=took,
                    status="error" if failed else "ok",
                    error=said if failed and isinstance(said, str) else "error" * failed,
                    input=block.get("input"),
                    output=said,
                )


def _agents(lines: Sequence[_Line]) -> Iterator[Span]:
    """A span for each subagent: what it was asked first, and what it said last."""
    chains: dict[str, list[_Line]] = {}
    chain_of: dict[str, str] = {}
    for began, line in lines:
        if line.get("isSidechain") is True:
            own, above = text(line, ("uuid",)), text(line, ("parentUuid",))
            chain = text(line, ("agentId",)) or chain_of.get(above, own)
            chain_of[own] = chain
            chains.setdefault(chain, []).append((began, line))
    for name, chain in chains.items():
        said = [turn.content for turn in _conversation(chain) if turn.content]
        times = [began for began, _ in chain if began is not None]
        yield Span(
            id=name,
            name="subagent",
            kind="agent",
            started_at=min(times) if times else None,
            duration_ms=(max(times) - min(times)) * 1000 if times else None,
            input=said[0] if said else None,
            output=said[-1] if said else None,
        )
