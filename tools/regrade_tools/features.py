"""What of a trace can be told without a judge: its length, its language, its form, its tools."""

import json
import re
from collections import Counter
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.jsontext import compact, read, texts, unpacked
from regrade_tools.models import Trace

# A language shows in this much.
_READ = 2_000
_DEPTH, _KEYS = 3, 12
_LONGEST = 160
_LARGEST_JSON = 256 * 1024
_WORD = re.compile(r"[^\W\d_]+")
_SCRIPTS = (
    ("Chinese or Japanese", re.compile("[\u3040-\u30ff\u3400-\u9fff]")),
    ("Korean", re.compile("[\uac00-\ud7af]")),
    ("Cyrillic", re.compile("[\u0400-\u04ff]")),
    ("Arabic", re.compile("[\u0600-\u06ff]")),
    ("Devanagari", re.compile("[\u0900-\u097f]")),
    ("Hebrew", re.compile("[\u0590-\u05ff]")),
    ("Greek", re.compile("[\u0370-\u03ff]")),
    ("Thai", re.compile("[\u0e00-\u0e7f]")),
)
_COMMON = {
    "English": "the and is are you of to that for with this have your it was not be",
    "German": "der die das und ist nicht ein eine sie ich mit für auf sind den von zu",
    "French": "le la les et est pas une des vous je pour dans avec sur qui que du",
    "Spanish": "el los las y es no una por para con que del su usted está como más",
    "Portuguese": "o os as e é não uma por para com que do da você está como mais em",
    "Italian": "il lo gli e è non una per con che di del sono della questo più nel",
    "Dutch": "de het een en is niet van ik je met voor op zijn dat te aan u",
}
_LANGUAGES = {name: frozenset(words.split()) for name, words in _COMMON.items()}
# One letter in five of another script: such a text is not Latin with a foreign name in it.
_FOREIGN = 5


@dataclass(frozen=True, slots=True)
class Features:
    """What a trace looks like. ``tools`` are the names of those called, each once, in order."""

    latency_ms: float | None
    tokens: int | None
    ttft_ms: float | None
    input_characters: int
    output_characters: int
    tool_calls: int
    language: str
    shape: str
    tools: str


def features(trace: Trace) -> Features:
    """What ``trace`` looks like."""
    exchange = trace.exchange
    said = text_of(exchange.output)
    # Of the whole trace, as a facet counts them: a conversation calls tools in every turn.
    names = sorted({call.name for call in trace.tool_calls})
    return Features(
        latency_ms=trace.duration_ms,
        tokens=trace.tokens,
        ttft_ms=trace.ttft_ms,
        input_characters=len(text_of(exchange.input)),
        output_characters=len(said),
        tool_calls=len(trace.tool_calls),
        language=language(said),
        shape=shape(exchange.output),
        tools=", ".join(names)[:_LONGEST] or "no tool",
    )


def text_of(value: JsonValue) -> str:
    """``value`` itself where it is a text, else its JSON; empty for none."""
    return value if isinstance(value, str) else "" if value is None else compact(value)


def language(text: str) -> str:
    """The language or the script of a text, by its letters and its most common words.

    A rough rule, to see a mix change: ``other`` where it says nothing. Of JSON the texts in it
    count, not its keys.
    """
    whole = text if len(text) > _LARGEST_JSON else unpacked(text)
    begin = " ".join(texts(whole))[:_READ].casefold()
    for name, letters in _SCRIPTS:
        if len(letters.findall(begin)) * _FOREIGN > sum(map(str.isalpha, begin)):
            return name
    words = Counter(_WORD.findall(begin))
    score = {name: sum(words[word] for word in own) for name, own in _LANGUAGES.items()}
    best = max(score, key=score.__getitem__)
    return best if score[best] else "other"


def shape(output: JsonValue) -> str:
    """The form of an output: ``text``, ``empty``, or JSON as its keys and their types."""
    value = output
    if isinstance(output, str):
        begin = output.lstrip()[:1]
        if begin not in ("{", "[") or len(output) > _LARGEST_JSON:
            return "text" if output.strip() else "empty"
        try:
            value = read(output)
        except ValueError:
            return "text"
    return "empty" if value is None else _shape(value, _DEPTH)[:_LONGEST]


def _shape(value: JsonValue, depth: int) -> str:
    if isinstance(value, dict):
        if not depth:
            return "{...}"
        keys = sorted(value)
        told = [f"{json.dumps(key)[1:-1]}: {_shape(value[key], depth - 1)}" for key in keys[:_KEYS]]
        return "{" + ", ".join([*told, *(["..."] if len(keys) > _KEYS else [])]) + "}"
    if isinstance(value, list):
        inner = sorted({_shape(item, depth - 1) for item in value[:_KEYS]}) if depth else ["..."]
        return f"[{' | '.join(inner)}]"
    if isinstance(value, bool):
        return "boolean"
    return "null" if value is None else "string" if isinstance(value, str) else "number"
