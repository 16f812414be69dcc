"""What users and evaluators said of a trace, in the shapes in which platforms export it."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import cast

from pydantic import JsonValue

from regrade_tools.formats.fields import Fields, inside, objects, text
from regrade_tools.models import Feedback, FeedbackSource
from regrade_tools.models.feedback import DECIMAL
from regrade_tools.texts.clipping import clip
from regrade_tools.texts.jsontext import compact, unpacked
from regrade_tools.texts.plaintext import line

# Who gives feedback, by the words of the platforms.
_SOURCES: dict[str, FeedbackSource] = {
    "human": "human",
    "annotation": "human",
    "app": "human",
    "llm": "model",
    "llm_judge": "model",
    "ai_judge": "model",
    "model": "model",
    "auto_eval": "model",
    "eval": "model",
    "code": "code",
    "api": "api",
}
_LONGEST_NAME = 120
# A longer word is a sentence, and one that is searched as such.
_LONGEST_LABEL = 80
_UNNAMED = "feedback"
_EVENT = "gen_ai.evaluation.result"
_GEN_AI = "gen_ai.evaluation."
# OpenInference's, of a span and of what the span stands for.
_OF_SPAN = ("annotations.", "evaluations.")
_OF_WHOLE = tuple(f"{whole}.{kind}" for whole in ("trace", "session") for kind in _OF_SPAN)
NAMES = (*_OF_SPAN, *_OF_WHOLE, _GEN_AI)
_FLAT = re.compile(r"(.*?\.\d{1,6})\.(?:annotation|evaluation)\.(.+)")
# Of the scores of Langfuse: a remark or a corrected output, which is no word to group by.
_REMARKS = ("TEXT", "CORRECTION")


def given(  # noqa: PLR0913 - what can be said
    name: JsonValue,
    value: JsonValue = None,
    label: JsonValue = None,
    comment: JsonValue = None,
    source: JsonValue = None,
    span_id: str = "",
) -> tuple[Feedback, ...]:
    """One feedback out of what a log holds; none where it says nothing.

    A value that is no number is a label, and a long label is a comment.
    """
    number = _number(value)
    word = _text(label)
    if not word and (number is None or isinstance(value, bool)):
        word = _text(value)
    remarks = [_text(comment)]
    if len(word) > _LONGEST_LABEL or "\n" in word:
        remarks.insert(0, word)
        word = ""
    remark = "\n".join(filter(None, remarks))
    if number is None and not word and not remark:
        return ()
    own = clip(line(_text(name)), _LONGEST_NAME) or _UNNAMED
    who = _SOURCES.get(source.lower(), "") if isinstance(source, str) else ""
    return (Feedback(own, number, line(word), remark, who, span_id),)


def _number(value: JsonValue) -> float | None:
    # In a table every number is a text.
    if not isinstance(value, int | float) and not (
        isinstance(value, str) and DECIMAL.fullmatch(value)
    ):
        return None
    with suppress(OverflowError):
        found = float(value)
        return found if math.isfinite(found) else None
    return None


def _text(value: JsonValue) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return compact(value)


def of_attributes(
    found: Mapping[str, JsonValue], names: Iterable[str], events: str, span_id: str
) -> tuple[Feedback, ...]:
    """What the attributes ``names`` of a span say, and the events in its attribute ``events``."""
    said: list[Feedback] = []
    flat: dict[str, dict[str, JsonValue]] = {}
    for name in names:
        part = _FLAT.fullmatch(name)
        if name == events:
            pairs = cast("list[tuple[str, Fields]]", found[events])
            for event, about in pairs:
                said.extend(_of_event(about, span_id) if event == _EVENT else ())
        elif part:
            flat.setdefault(part[1], {})[part[2]] = found[name]
    for place, about in flat.items():
        said.extend(_of_annotation(about, "" if place.startswith(_OF_WHOLE) else span_id))
    if f"{_GEN_AI}name" in found:
        said.extend(_of_event(found, span_id))
    return tuple(said)


def _of_event(about: Fields, span_id: str) -> tuple[Feedback, ...]:
    return given(
        about.get(f"{_GEN_AI}name"),
        about.get(f"{_GEN_AI}score.value"),
        about.get(f"{_GEN_AI}score.label"),
        about.get(f"{_GEN_AI}explanation"),
        span_id=span_id,
    )


def _of_annotation(about: Fields, span_id: str) -> tuple[Feedback, ...]:
    return given(
        about.get("name"),
        about.get("score"),
        about.get("label"),
        about.get("explanation"),
        about.get("annotator_kind"),
        span_id,
    )


def of_phoenix(listed: JsonValue, span_id: str) -> tuple[Feedback, ...]:
    """The annotations that Phoenix exports beside a span or a trace."""
    found = (
        _of_annotation({**one, **inside(one, "result")}, span_id)
        for one in objects(unpacked(listed))
    )
    return tuple(feedback for several in found for feedback in several)


def of_langfuse(scores: JsonValue) -> tuple[Feedback, ...]:
    """The scores of a trace and its observations."""
    return tuple(feedback for score in objects(scores) for feedback in _of_score(score))


def _of_score(score: Fields) -> tuple[Feedback, ...]:
    said = score.get("stringValue") or score.get("longStringValue")
    remark = score.get("dataType") in _REMARKS
    return given(
        score.get("name"),
        None if remark else score.get("value"),
        None if remark else said,
        "\n".join(filter(None, (_text(said) if remark else "", _text(score.get("comment"))))),
        score.get("source"),
        text(score, ("observationId",)),
    )


def of_mlflow(assessments: JsonValue) -> tuple[Feedback, ...]:
    """The feedback among the assessments of a trace, without what was overridden."""
    return tuple(
        feedback
        for one in objects(assessments)
        if "feedback" in one and one.get("valid") is not False
        for feedback in given(
            one.get("assessment_name"),
            inside(one, "feedback").get("value"),
            None,
            one.get("rationale") or inside(one, "feedback", "error").get("error_message"),
            inside(one, "source").get("source_type"),
            text(one, ("span_id",)),
        )
    )


def of_langsmith(run: Fields) -> tuple[Feedback, ...]:
    """What a run of LangSmith says of itself: feedback one by one, and else its statistics."""
    single = objects(run.get("feedback"))
    own = text(run, ("id",))
    found = [*(feedback for one in single for feedback in of_langsmith_record(one, own))]
    known = {text(one, ("key",)) for one in single}
    for key, stats in inside(run, "feedback_stats").items():
        if isinstance(stats, dict) and key not in known:
            found.extend(_of_stats(key, stats, own))
    return tuple(found)


def of_langsmith_record(record: Fields, run_id: str) -> tuple[Feedback, ...]:
    """One feedback as LangSmith's API gives it."""
    score, value = record.get("score"), record.get("value")
    return given(
        record.get("key"),
        value if score is None else score,
        value if isinstance(value, str) and score is not None else None,
        record.get("comment"),
        inside(record, "feedback_source").get("type"),
        run_id,
    )


def _of_stats(key: str, stats: Fields, run_id: str) -> Iterator[Feedback]:
    """The mean of what was said under ``key``, with the comments; each word by itself."""
    told, sources = stats.get("comments"), stats.get("sources")
    comments = [_text(one) for one in told] if isinstance(told, list) else []
    who = unpacked(sources[0]) if isinstance(sources, list) and sources else None
    source = who.get("type") if isinstance(who, dict) else who
    words: list[str | None] = [*inside(stats, "values")]
    for number, word in enumerate(words or [None]):
        remark = "\n".join(filter(None, comments)) if number == 0 else ""
        yield from given(key, stats.get("avg"), word, remark, source, run_id)


def of_scores(scores: JsonValue) -> tuple[Feedback, ...]:
    """An object of scores by their names: numbers, words, or objects that tell more of each."""
    if not isinstance(scores, dict):
        return ()
    return tuple(
        feedback for name, score in scores.items() for feedback in _named_score(name, score)
    )


def _named_score(name: str, score: JsonValue) -> Iterator[Feedback]:
    if not isinstance(score, dict):
        yield from given(name, score)
        return
    value, why = score.get("value", score.get("score")), score.get("explanation")
    if isinstance(value, dict):
        for part, held in value.items():
            yield from given(f"{name}.{part}", held, None, why)
            # It is of all parts.
            why = None
    else:
        about = {**score, "score": value, "name": name}
        yield from _of_annotation(about, "")


def of_field(name: str, value: JsonValue) -> tuple[Feedback, ...]:
    """What a plain record holds under ``name``: a rating, several with names, or whole ones."""
    told = unpacked(value)
    if isinstance(told, list):
        said = [one for one in objects(told) if "name" in one]
        if len(said) == len(told):
            return of_phoenix(told, "")
    if isinstance(told, dict):
        return of_phoenix([told], "") if "name" in told else of_scores(told)
    return given(name, told)
