"""Real traffic -> a proposal: along what inputs differ, how often, and how people write."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_tools.refusal import Refusal
from regrade_tools.texts.words import tokens
from regrade_tools.traces.features import OTHER, UNKNOWN, language

# Fewer say nothing about shares.
_FEWEST = 5
# A value rarer than this is no value of its own.
_RARE = 0.05
# A word that came so often is known; one beside it that came once, a letter away, is a slip.
_USUAL, _LONG = 3, 5
_QUESTIONS = frozenset(
    [
        "what",
        "how",
        "why",
        "when",
        "where",
        "who",
        "which",
        "can",
        "could",
        "do",
        "does",
        "did",
        "is",
        "are",
        "will",
        "would",
        "should",
        "may",
    ]
)
_VERBLESS = 4
# What is told of a text whose language nobody can tell.
_UNTOLD = frozenset({UNKNOWN, OTHER})


@dataclass(frozen=True, slots=True)
class Proposal:
    """``inputs`` is what may stand in the suite; the shares are of ``texts`` inputs."""

    texts: int
    of: int
    inputs: dict[str, JsonValue]
    characters: dict[str, int]
    notes: list[str] = field(default_factory=list[str])


def proposal(texts: Sequence[str], of: int, query: str) -> Proposal:
    """Dimensions and style as ``texts``, inputs of real users, have them.

    Raises:
        Refusal: They are too few.
    """
    said = [text for text in texts if text.strip()]
    if len(said) < _FEWEST:
        raise Refusal(
            f"Only {len(said)} traces with an input match; {_FEWEST} are the fewest.",
            next_step="Widen the query, or import more traces.",
        )
    short, long = _bounds(said)
    spoken = Counter(language(text) for text in said)
    dimensions: dict[str, JsonValue] = {}
    named = {
        "length": Counter(_length(text, short, long) for text in said),
        "form": Counter(_form(text) for text in said),
        # Where nobody can tell, there is no language to write in.
        "language": Counter({name: n for name, n in spoken.items() if name not in _UNTOLD}),
    }
    for name, counted in named.items():
        weights = _weights(counted, len(said))
        if len(weights) > 1:
            dimensions[name] = weights
    slips = slipped(said)
    style: dict[str, JsonValue] = {
        "typos": _share(slips, len(said)),
        "lowercase": _share(sum(text == text.lower() for text in said), len(said)),
        "fragments": _share(sum(_form(text) == "fragment" for text in said), len(said)),
    }
    rules = _length_rules(dimensions, short, long)
    found: dict[str, JsonValue] = {"dimensions": dimensions, "style": style, "examples": query}
    return Proposal(
        len(said),
        of,
        {**found, **({"rules": rules} if rules else {})},
        _characters(said),
        ["Add what your product knows and no text shows: feature, scenario, persona."],
    )


def _bounds(texts: Sequence[str]) -> tuple[int, int]:
    """In words: a third of the texts is at most the first long, a third longer than the second."""
    counts = sorted(len(text.split()) for text in texts)
    return counts[len(counts) // 3], max(counts[len(counts) * 2 // 3], counts[len(counts) // 3] + 1)


def _length(text: str, short: int, long: int) -> str:
    words = len(text.split())
    return "short" if words <= short else "medium" if words <= long else "long"


def _length_rules(dimensions: dict[str, JsonValue], short: int, long: int) -> dict[str, JsonValue]:
    values = dimensions.get("length")
    bounds: dict[str, dict[str, JsonValue]] = {
        "short": {"max": short},
        "medium": {"min": short + 1, "max": long},
        "long": {"min": long + 1},
    }
    if not isinstance(values, dict):
        return {}
    rules: dict[str, JsonValue] = {
        value: [{"type": "count", "of": "words", **bounds[value]}] for value in values
    }
    return {"length": rules}


def _form(text: str) -> str:
    words = tokens(text)
    if "?" in text or (words and words[0] in _QUESTIONS):
        return "question"
    ends = text.rstrip()[-1:] in ".!…"
    return "fragment" if len(words) <= _VERBLESS and not ends else "statement or request"


def _weights(counted: Counter[str], total: int) -> dict[str, JsonValue]:
    kept = {name: count for name, count in counted.most_common() if count / total >= _RARE}
    return {name: round(count / total, 2) for name, count in kept.items()}


def _share(count: int, total: int) -> float:
    return round(count / total, 2)


def _characters(texts: Sequence[str]) -> dict[str, int]:
    sizes = sorted(map(len, texts))
    return {
        f"p{share}": sizes[min(len(sizes) - 1, len(sizes) * share // 100)] for share in (10, 50, 90)
    }


def slipped(texts: Sequence[str]) -> int:
    """How many texts hold a slip: a rare long word one edit from a usual one, or two swapped.

    A rough count, without a dictionary, which would be one of one language. Forms of one word,
    such as a plural, are no slips.
    """
    # Imported with the first proposal: a server that lists its tools compares nothing.
    from rapidfuzz import process  # noqa: PLC0415
    from rapidfuzz.distance import OSA  # noqa: PLC0415

    counts = Counter(word for text in texts for word in set(tokens(text)))
    usual = [word for word, count in counts.items() if count >= _USUAL and len(word) >= _LONG]
    rare = {word for word, count in counts.items() if count == 1 and len(word) >= _LONG}
    slips: set[str] = set()
    for word in rare:
        found = process.extractOne(word, usual, scorer=OSA.distance, score_cutoff=1)
        if found is not None and not _forms(word, found[0]):
            slips.add(word)
    return sum(not slips.isdisjoint(tokens(text)) for text in texts)


def _forms(word: str, other: str) -> bool:
    """Whether two words differ by their last letter alone, as forms of one word do."""
    short, long = sorted((word, other), key=len)
    return short[:-1] == long[: len(short) - 1]
