"""What of a trace can be told without a judge: its length, its language, its form, its tools."""

import json
import re
from collections import Counter
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.models import Feedback, Trace
from regrade_tools.texts.jsontext import compact, read, texts, unpacked

UNKNOWN, OTHER = "unknown", "other"
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
# Also such as stand in short answers; what several languages have says less of each.
_COMMON = {
    "English": "the and is are you of to that for with this have your it was not be i we he she "
    "they my me us our can could will would do does did no yes what how when where which who "
    "there here from at on in as so if or but by an any some please thanks thank just need want "
    "get let hello hi yeah like more sorry well u am has had been should than then about",
    "German": "der die das den dem des und ist nicht ein eine einen einem einer sie ich mit für "
    "auf sind von zu im in es wir er ihr mich mir uns kein keine ja nein bitte danke was wie wo "
    "wann wer hat haben kann können auch aber oder wenn dass so an am aus bei nach noch nur wird "
    "will um als leider gibt hallo man",
    "French": "le la les et est pas une un des du de vous je il elle nous on ne ce pour dans avec "
    "sur qui que mais ou où oui non merci bonjour au aux son sa ses mes mon ma votre vos cette "
    "ces sont suis avez ai plus comme si en par me quel quelle avoir être or as",
    "Spanish": "el la los las y es no una un por para con que de del su usted está como más en se "
    "lo me mi si sí al ser son hay pero muy qué gracias hola este esta o ya le te nos yo tengo "
    "puede quiero he dónde cuánto donde a e",
    "Portuguese": "o a os as e é não uma um por para com que de do da dos das no na nos nas em "
    "você está como mais se me eu mas muito obrigado obrigada olá sim ao ou são foi tem isso este "
    "esta meu minha onde ser",
    "Italian": "il lo la gli le i e è non una un per con che di del della dei sono questo questa "
    "più nel in si mi ma anche come ho ha grazie ciao sì no da al alla o su ci se dove a me",
    "Dutch": "de het een en is niet van ik je u met voor op zijn dat te aan in wat hoe waar we wij "
    "ze hij er maar ook als of om bij nog naar dit deze ja nee dank bedankt graag kan kunt geen "
    "was me den hallo",
}
_LANGUAGES = {name: frozenset(words.split()) for name, words in _COMMON.items()}
_KNOWN_TO = Counter(word for own in _LANGUAGES.values() for word in own)
# The letters of each beside those of ASCII, also of words that it has borrowed.
_LETTERS = {
    "English": "éèêïçñ",
    "German": "äöüßé",
    "French": "àâäçéèêëîïôœùûüæ",
    "Spanish": "áéíñóúü",
    "Portuguese": "áâãàçéêíóôõúü",
    "Italian": "àèéìîòóù",
    "Dutch": "éëïóöüèáí",
}
# One letter in so many of others: it is written otherwise.
_UNUSUAL = 40
# Names of places on the net have words of some language.
_ADDRESSES = re.compile(r"https?://\S+|\S+@\S+|www\.\S+")
# A word that one language alone has, and half of one more than any other; in a longer text so
# much of each word. A text of fewer words than the last may be of any.
_EVIDENCE, _LEAD, _DENSITY, _SHORT = 1.0, 0.5, 0.1, 12
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
    feedback: tuple[Feedback, ...] = ()


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
        feedback=trace.feedback,
    )


def text_of(value: JsonValue) -> str:
    """``value`` itself where it is a text, else its JSON; empty for none."""
    return value if isinstance(value, str) else "" if value is None else compact(value)


def language(text: str) -> str:
    """The language or the script of a text, by its letters and its most common words.

    A rough rule, to see a mix change: ``unknown`` where a text is too short to tell or says
    nothing, ``other`` of a longer one that has the words of none. Of JSON the texts in it count,
    not its keys.
    """
    whole = text if len(text) > _LARGEST_JSON else unpacked(text)
    begin = " ".join(texts(whole))[:_READ].casefold()
    for name, letters in _SCRIPTS:
        if len(letters.findall(begin)) * _FOREIGN > sum(map(str.isalpha, begin)):
            return name
    words = Counter(_WORD.findall(_ADDRESSES.sub(" ", begin)))
    score = {
        name: sum(words[word] / _KNOWN_TO[word] for word in own & words.keys())
        for name, own in _LANGUAGES.items()
    }
    second, best = sorted(score, key=score.__getitem__)[-2:]
    # A single word of another language may be like one that is common here.
    several = words.total() < _SHORT or len(_LANGUAGES[best] & words.keys()) > 1
    needed = max(_EVIDENCE, _DENSITY * words.total())
    foreign = sum(
        sign > "\x7f" and sign not in _LETTERS[best] for sign in "".join(words.elements())
    )
    usual = several and foreign * _UNUSUAL <= sum(map(str.isalpha, begin))
    if usual and score[best] >= needed and score[best] >= score[second] + _LEAD:
        return best
    return UNKNOWN if words.total() < _SHORT or (usual and score[best] >= _EVIDENCE) else OTHER


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
