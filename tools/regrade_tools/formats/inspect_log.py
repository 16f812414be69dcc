"""Logs of Inspect: an evaluation, each of whose samples is a trace."""

from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from regrade_tools.formats import payload
from regrade_tools.formats.feedback import of_scores
from regrade_tools.formats.fields import (
    Fields,
    inside,
    number,
    objects,
    remainder,
    text,
    tokens,
    total,
)  # fmt: skip
from regrade_tools.formats.messages import messages
from regrade_tools.formats.record import Record
from regrade_tools.models import Trace
from regrade_tools.texts.timestamps import moment

_HEADER = ("eval_id", "run_id", "created", "task", "task_id", "model")


def samples(record: Record) -> Iterator[Record]:
    """Each sample of a log with what its evaluation is called; any other record as it is."""
    log = record.value
    if not isinstance(log, dict) or "eval" not in log or not isinstance(log.get("samples"), list):
        yield record
        return
    about = inside(log, "eval")
    header: JsonValue = {name: about[name] for name in _HEADER if name in about}
    found = objects(log["samples"])
    for number_of, sample in enumerate(found, 1):
        told: JsonValue = {"eval": header, "sample": sample}
        yield Record(f"{record.where}#{number_of}", told, record.size // len(found))


def is_inspect(record: Fields) -> bool:
    """Whether ``record`` is a sample of such a log."""
    sample = record.get("sample")
    return "eval" in record and isinstance(sample, dict) and "messages" in sample


def from_inspect(record: Fields, blank: Trace) -> Trace:
    """The trace of a sample; ``blank`` brings its id and source."""
    about, sample = inside(record, "eval"), inside(record, "sample")
    used = [tokens(inside(sample, "model_usage", model)) for model in inside(sample, "model_usage")]
    failed = inside(sample, "error")
    seconds = number(sample, ("total_time",))
    began = [moment(event.get("timestamp")) for event in objects(sample.get("events"))[:1]]
    said = messages(sample.get("messages"))
    return replace(
        blank,
        external_id=text(sample, ("uuid", "id")),
        name=text(about, ("task",)),
        session=text(about, ("eval_id", "run_id")),
        model=text(inside(sample, "output"), ("model",)) or text(about, ("model",)),
        status="error" if failed else "ok",
        error=(text(failed, ("message",)) or "error without a message") if failed else "",
        started_at=next(iter(began), None) or moment(about.get("created")),
        duration_ms=None if seconds is None else seconds * 1000,
        input_tokens=total(given for given, _ in used),
        output_tokens=total(answered for _, answered in used),
        messages=said or payload.asked(sample.get("input")),
        metadata=_metadata(sample),
        feedback=of_scores(sample.get("scores")),
    )


def _metadata(sample: Fields) -> dict[str, JsonValue]:
    """The sample's number, epoch and target, and its facts."""
    found = remainder(inside(sample, "metadata"), ())
    found |= {f"sample_{name}": sample[name] for name in ("id", "epoch")
              if isinstance(sample.get(name), str | int)}  # fmt: skip
    target = sample.get("target")
    if isinstance(target, str) and target:
        found["target"] = target
    return found
