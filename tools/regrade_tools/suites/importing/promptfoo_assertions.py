"""Assertions of promptfoo -> assertions of ours that hold and fail for the same outputs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_tools.assertions import KINDS, parse
from regrade_tools.models.case import Spec
from regrade_tools.refusal import Refusal
from regrade_tools.suites.importing import trajectory
from regrade_tools.suites.importing.conversion import UnsupportedError
from regrade_tools.suites.importing.javascript import pattern, separated, whole, written
from regrade_tools.suites.importing.programs import model
from regrade_tools.suites.importing.rubrics import Rubrics
from regrade_tools.suites.importing.source import Source, document
from regrade_tools.suites.importing.variables import filled

_JUDGED = "a model judges it: ask a person or a judge, or assert what can be read off"
_REFERENCE = (
    "a model compares it with a reference, which a judge here is not shown: write what is right "
    "into the criterion of a judge, or assert it (`contains-any`, `rouge-n`)"
)
_CODE = "it is code; what it checks may be said by `expr` or `path`, or by a scorer in Python"
_MODEL = (
    "a model measures it: `rouge-n` or `levenshtein` measure likeness without one, a judge by words"
)
_MEASURED = "it needs what a recorded answer does not tell"
_UNSUPPORTED: dict[str, str] = {
    "factuality": _REFERENCE,
    "model-graded-factuality": _REFERENCE,
    "answer-relevance": _JUDGED,
    "context-recall": _JUDGED,
    "context-relevance": _JUDGED,
    "context-faithfulness": _JUDGED,
    "conversation-relevance": _JUDGED,
    "agent-rubric": _JUDGED,
    "search-rubric": _JUDGED,
    "select-best": _JUDGED,
    "pi": _JUDGED,
    "trajectory:goal-success": _JUDGED,
    "similar": _MODEL,
    "similar:cosine": _MODEL,
    "similar:dot": _MODEL,
    "similar:euclidean": _MODEL,
    "classifier": _MODEL,
    "moderation": _MODEL,
    "javascript": _CODE,
    "python": _CODE,
    "ruby": _CODE,
    "perplexity": _MEASURED,
    "perplexity-score": _MEASURED,
    "finish-reason": _MEASURED,
    "guardrails": _MEASURED,
    "webhook": "it sends the output to an address",
    "human": "a person decides it",
    "max-score": "it compares several outputs",
}
# What is passed or failed and nothing between, so that a score of 1 means that it holds.
_GRADED = {"levenshtein": 5, "rouge-n": 0.75, "bleu": 0.5, "gleu": 0.5, "meteor": 0.5}
_PLAIN = ("is-xml", "contains-xml", "is-html", "contains-html", "is-sql", "contains-sql",
          "is-refusal", "is-valid-function-call", "is-valid-openai-function-call",
          "is-valid-openai-tools-call", "tool-call-f1")  # fmt: skip
_KNOWN = {"type", "value", "threshold", "weight", "metric", "description", "provider"}
_SET = "assert-set"
# What is judged by a criterion in words.
_SCALED = "g-eval"
_RUBRICS = ("llm-rubric", "model-graded-closedqa", _SCALED)
OTHER_PROMPT = "the draft of its judge asks in words of its own: add there what it says beside them"
_SCORED = "a judge passes or fails an answer and has no score: say in its criterion what is enough"


@dataclass(frozen=True, slots=True)
class Reading:
    """One test's variables, and the files that a value may name."""

    variables: Mapping[str, JsonValue]
    source: Source
    rubrics: Rubrics
    # The model that judges where an assertion names none.
    grader: JsonValue = None
    # What is said of an assertion that is kept.
    notes: list[str] = field(default_factory=list[str])

    def specs(self, assertion: JsonValue) -> tuple[Spec, ...]:
        """What ``assertion`` becomes; all of them must hold.

        Raises:
            UnsupportedError: It cannot be said with the same meaning.
        """
        if not isinstance(assertion, dict) or not isinstance(assertion.get("type"), str):
            raise UnsupportedError("it has no type")
        if assertion.get("weight") == 0:
            raise UnsupportedError("its weight is 0, so it never fails")
        if assertion["type"] == _SET:
            inner = assertion.get("assert")
            listed = inner if isinstance(inner, list) else []
            found = tuple(spec for item in listed for spec in self.specs(item))
            decides(assertion.get("threshold"), listed)
            return found
        kind = str(assertion["type"])
        if kind.removeprefix("not-") in trajectory.KINDS:
            return self._calls(kind, assertion)
        return (self._spec(kind, assertion),)

    def _calls(self, kind: str, assertion: dict[str, JsonValue]) -> tuple[Spec, ...]:
        if strange := sorted(set(assertion) - _KNOWN):
            raise UnsupportedError(f"`{strange[0]}` changes what it means")
        value = self._deep(assertion.get("value"))
        name = kind.removeprefix("not-")
        return tuple(map(_right, trajectory.specs(name, value, negated=name != kind)))

    def _deep(self, value: JsonValue) -> JsonValue:
        if isinstance(value, dict):
            return {key: self._deep(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._deep(item) for item in value]
        return self._value(value)

    def _spec(self, kind: str, assertion: dict[str, JsonValue]) -> Spec:
        negation, name = ("not-", kind[4:]) if kind.startswith("not-") else ("", kind)
        if name in _RUBRICS:
            return self._judged(assertion, negated=bool(negation))
        if name in _UNSUPPORTED:
            raise UnsupportedError(_UNSUPPORTED[name])
        if name not in {*_PLAIN, *_GRADED, *_READERS}:
            raise UnsupportedError("it is no type of promptfoo that is known here")
        if _OURS.get(name, name) not in KINDS:
            raise UnsupportedError("there is no such assertion here")
        if strange := sorted(set(assertion) - _KNOWN):
            raise UnsupportedError(f"`{strange[0]}` changes what it means")
        value = self._value(assertion.get("value"))
        if name in _GRADED:
            fields: Spec = {"value": value}
            threshold = assertion.get("threshold")
            fields["threshold"] = _GRADED[name] if threshold is None else whole(threshold)
        elif name in _READERS:
            fields = _READERS[name](value, assertion)
        else:
            fields = {} if value is None else {"value": value}
        if negation and name == "equals" and not isinstance(fields["value"], str):
            raise UnsupportedError("here an output that is no JSON fails it; there it passes")
        return _right({"type": f"{negation}{_OURS.get(name, name)}", **fields})

    def _judged(self, assertion: dict[str, JsonValue], *, negated: bool) -> Spec:
        if strange := sorted(set(assertion) - _KNOWN - {"rubricPrompt"}):
            raise UnsupportedError(f"`{strange[0]}` changes what it means")
        if "rubricPrompt" in assertion:
            self.notes.append(OTHER_PROMPT)
        is_scaled = str(assertion["type"]).endswith(_SCALED)
        if is_scaled or assertion.get("threshold") is not None:
            self.notes.append(_SCORED)
        rubric = assertion.get("value")
        if isinstance(rubric, str) and rubric.startswith("file://"):
            rubric = self.source.value(rubric)
        grader = model(assertion.get("provider") or self.grader)
        return self.rubrics.spec(rubric, grader, negated=negated)

    def _value(self, value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return self._filled(value)
        if isinstance(value, list):
            return [self._filled(item) if isinstance(item, str) else item for item in value]
        return value

    def _filled(self, value: str) -> JsonValue:
        if value.startswith("file://"):
            return self.source.value(value)
        if value.startswith("package:"):
            raise UnsupportedError(_CODE)
        return filled(value, self.variables)


def _right(spec: Spec) -> Spec:
    """``spec``, if it is an assertion."""
    try:
        parse(spec)
    except Refusal as refusal:
        raise UnsupportedError(refusal.problem) from None
    return spec


def is_judged(assertion: JsonValue) -> bool:
    """Whether ``assertion``, or one of a set, is judged by a criterion in words."""
    if not isinstance(assertion, dict):
        return False
    inner = assertion.get("assert")
    if assertion.get("type") == _SET and isinstance(inner, list):
        return any(map(is_judged, inner))
    return str(assertion.get("type")).removeprefix("not-") in _RUBRICS


def decides(threshold: JsonValue, assertions: Iterable[JsonValue]) -> None:
    """Make sure that a threshold asks for no more and no less than every one of ``assertions``.

    Raises:
        UnsupportedError: A part of them would do, or none.
    """
    listed = list(assertions)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        return
    if threshold <= 0:
        raise UnsupportedError(f"with a threshold of {threshold:g} it never fails")
    graded = any(
        isinstance(item, dict) and str(item.get("type")).removeprefix("not-") in {*_GRADED, _SET}
        for item in listed
    )
    if graded or threshold > 1 or (threshold < 1 and len(listed) > 1):
        raise UnsupportedError(
            f"with a threshold of {threshold:g} a part of the score would do; here each must hold"
        )


def _equals(value: JsonValue, _: Spec) -> Spec:
    # Texts and numbers are compared as texts, null, lists and objects as data.
    return {"value": value if value is None or isinstance(value, list | dict) else written(value)}


def _phrase(value: JsonValue, _: Spec) -> Spec:
    if value == "" or isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UnsupportedError("its value is neither a text nor a number")
    return {"value": written(value)}


def _beginning(value: JsonValue, _: Spec) -> Spec:
    if not isinstance(value, str) or not value:
        raise UnsupportedError("its value is no text")
    return {"value": value}


def _phrases(value: JsonValue, assertion: Spec) -> Spec:
    listed = separated(value) if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise UnsupportedError("its value is no list")
    told = [written(item) for item in listed]
    if str(assertion["type"]).endswith("-all"):
        # Every output contains the empty text.
        told = [item for item in told if item]
    if not told or "" in told:
        raise UnsupportedError("its value is empty, so it decides nothing")
    return {"value": list[JsonValue](told)}


def _regex(value: JsonValue, _: Spec) -> Spec:
    if not isinstance(value, str) or not value:
        raise UnsupportedError("its value is no text")
    return {"value": pattern(value)}


def _schema(value: JsonValue, _: Spec) -> Spec:
    if value is None or value == "":
        return {}
    schema = document(value) if isinstance(value, str) else value
    if not isinstance(schema, dict):
        raise UnsupportedError("its value is no JSON Schema")
    return {"value": schema}


def _object(value: JsonValue, assertion: Spec) -> Spec:
    # There a list is no JSON that is contained.
    return _schema(value, assertion) or {"value": {"type": "object"}}


def _limit(_: JsonValue, assertion: Spec) -> Spec:
    if "threshold" not in assertion:
        raise UnsupportedError("it has no threshold")
    return {"threshold": whole(assertion["threshold"])}


def _words(value: JsonValue, _: Spec) -> Spec:
    if isinstance(value, dict):
        return {"of": "words", **value}
    try:
        number = int(written(value))
    except ValueError:
        raise UnsupportedError("its value is neither a number nor {min, max}") from None
    return {"of": "words", "min": number, "max": number}


_READERS: dict[str, Callable[[JsonValue, Spec], Spec]] = {
    "equals": _equals,
    "contains": _phrase,
    "icontains": _phrase,
    "contains-all": _phrases,
    "contains-any": _phrases,
    "icontains-all": _phrases,
    "icontains-any": _phrases,
    "starts-with": _beginning,
    "regex": _regex,
    "is-json": _schema,
    "contains-json": _object,
    "latency": _limit,
    "cost": _limit,
    "word-count": _words,
}
_OURS = {"word-count": "count"}
TYPES = (*_READERS, *_GRADED, *_PLAIN, *_RUBRICS, *trajectory.KINDS, *_UNSUPPORTED)
