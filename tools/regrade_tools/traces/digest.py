"""What happened in a trace, in under 1,000 tokens: the exchange, what went wrong, the steps."""

from collections.abc import Sequence

from pydantic import JsonValue

from regrade_tools.models import Feedback, Label, Trace, counting_labels
from regrade_tools.texts.clipping import clip, clip_list, clip_value, shrink, size
from regrade_tools.texts.timestamps import iso
from regrade_tools.traces.skeleton import shown, steps
from regrade_tools.traces.wrong import Wrong, first_wrong

# 1,000 tokens with what stands around it in the reply.
_ROOM = 3_600
_INPUT, _OUTPUT, _METADATA = 600, 900, 320
_FACT, _TAGS, _OPENING = 100, 160, 160
_LABELS, _CRITIQUE = 400, 120
_FEEDBACK = 600
# Whatever else there is to tell, the steps are worth so much.
_STEPS = 1_000


def digest(trace: Trace, labels: Sequence[Label] = ()) -> tuple[dict[str, JsonValue], str]:
    """What is told of ``trace``, and which calls tell the rest."""
    wrong = first_wrong(trace)
    content = _filled(_facts(trace, labels, wrong))
    content = shrink(content, _ROOM - _STEPS)
    found, at = steps(trace, wrong)
    lines = shown(found, at, _ROOM - size(content) - len('"steps":[],'))
    metadata = content.pop("metadata", None)
    if lines:
        content["steps"] = [*lines]
    if metadata is not None:
        content["metadata"] = metadata
    return content, _hint(trace, wrong, cut=len(lines) != len(found))


def _facts(trace: Trace, labels: Sequence[Label], wrong: Wrong | None) -> dict[str, JsonValue]:
    exchange = trace.exchange
    asked = _asked(exchange.input)
    opening = trace.opening if trace.messages else ""
    follows = isinstance(asked, str) and " ".join(asked.split())[: len(opening)] == opening
    return {
        "name": clip(trace.name, _FACT),
        "status": trace.status,
        "when": None if trace.started_at is None else iso(trace.started_at),
        "duration_ms": None if trace.duration_ms is None else round(trace.duration_ms, 3),
        "ttft_ms": None if trace.ttft_ms is None else round(trace.ttft_ms, 3),
        "model": clip(trace.model, _FACT),
        "tokens": trace.tokens,
        "cost_usd": None if trace.cost_usd is None else float(f"{trace.cost_usd:.6g}"),
        "session": clip(trace.session, _FACT),
        "tags": [*clip_list(trace.tags, _TAGS)],
        "source": clip(trace.source, _FACT),
        "labels": [*clip_list([_label(one) for one in counting_labels(labels)], _LABELS)],
        "feedback": [*_feedback(trace.feedback)],
        "opening": None if follows else clip(opening, _OPENING),
        "input": clip_value(asked, _INPUT),
        "output": clip_value(exchange.output, _OUTPUT),
        "program": _program(trace, asked),
        "first_wrong": None if wrong is None else _told(wrong),
        "metadata": shrink(trace.metadata, _METADATA),
    }


def _feedback(said: Sequence[Feedback]) -> list[str]:
    """What was said, as far as it fits: of very many not all are put into words for it."""
    few = said[:_FEEDBACK]
    shown = clip_list([one.told for one in few], _FEEDBACK)
    # Each takes more than a character, so the last line tells how many did not fit.
    return [*shown[:-1], f"... {len(said) - len(shown) + 1:,} more"] if few != said else shown


def _program(trace: Trace, asked: JsonValue) -> JsonValue:
    """What of a program's own input and output is not that of its model."""
    called = trace.called
    told: dict[str, JsonValue] = {}
    if called.input != asked and trace.program:
        told["input"] = clip_value(called.input, _INPUT // 2)
    if called.output != trace.exchange.output:
        told["output"] = clip_value(called.output, _OUTPUT // 2)
    return told


def _told(wrong: Wrong) -> dict[str, JsonValue]:
    return {"kind": wrong.kind, "what": wrong.what, "where": wrong.where}


def _filled(content: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: value for key, value in content.items() if value not in (None, "", [], {})}


def _asked(given: JsonValue) -> JsonValue:
    """What was asked last, where the input is a conversation."""
    if not isinstance(given, list):
        return given
    said = (
        item["content"]
        for item in reversed(given)
        if isinstance(item, dict) and item.get("role") == "user" and item.get("content")
    )
    return next(said, given)


def _label(label: Label) -> str:
    """Such as ``fail diet (human): it names butter``."""
    why = ": ".join(part for part in (label.mode, label.critique) if part)
    about = f"{label.verdict} {label.criterion} ({label.source})"
    return clip(f"{about}: {why}" if why else about, _CRITIQUE)


def _hint(trace: Trace, wrong: Wrong | None, *, cut: bool) -> str:
    told: list[str] = []
    if wrong is None:
        told.append("No error, failed tool, loop or empty answer shows: judge what was said.")
    elif wrong.span_id and any(span.id == wrong.span_id for span in trace.spans):
        told.append("span_id shows the failing span.")
    elif wrong.step:
        told.append(f'view "conversation" with cursor "{max(wrong.step - 2, 0)}" shows it.')
    more = "conversation" if trace.messages else "spans" if trace.spans else "raw"
    every = ' View "spans" shows each step.' if cut and trace.spans else ""
    told.append(f'View "{more}" shows more.{every} file_case makes a regression case of it.')
    return " ".join(told)
