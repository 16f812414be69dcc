"""A row of a test table of promptfoo: its variables, and its ``__expected`` shorthand."""

import re

from pydantic import JsonValue

from regrade_tools.suites.importing.javascript import whole
from regrade_tools.suites.importing.promptfoo_assertions import TYPES
from regrade_tools.texts.jsontext import compact

_TYPES = "|".join(re.escape(kind) for kind in sorted(TYPES, key=len, reverse=True))
_SHORT = re.compile(rf"((?:not-)?(?:{_TYPES}))(?:\((\d+(?:\.\d+)?)\))?(?::(.*))?", re.DOTALL)
_CODE = {"javascript:": "javascript", "fn:": "javascript", "eval:": "javascript",
         "python:": "python", "grade:": "llm-rubric", "llm-rubric:": "llm-rubric"}  # fmt: skip
# In a table these have a threshold, told or not.
_WITH_THRESHOLD = {"answer-relevance", "classifier", "context-faithfulness", "context-recall",
                   "context-relevance", "cost", "latency", "levenshtein", "perplexity",
                   "perplexity-score", "rouge-n", "similar", "starts-with"}  # fmt: skip
_SPECIAL = {"__description": "description", "__providerOutput": "providerOutput"}
_METADATA, _METRIC = "__metadata:", "__metric"
_OPTIONS = {"__prefix": "prefix", "__suffix": "suffix"}


def assertion(short: str) -> dict[str, JsonValue]:
    """The assertion that ``short`` means, such as ``contains-all:a,b``; a bare text is equality."""
    for prefix, kind in _CODE.items():
        if short.startswith(prefix):
            return {"type": kind, "value": short.removeprefix(prefix).strip()}
    if short.startswith("file://") and (found := re.search(r"\.(py|js|ts)(?::|$)", short)):
        return {"type": "python" if found[1] == "py" else "javascript", "value": short}
    match = _SHORT.fullmatch(short)
    if match is None:
        return {"type": "equals", "value": short}
    kind, threshold, value = match.groups()
    told: dict[str, JsonValue] = {"type": kind, "value": value}
    if kind.removeprefix("not-") in _WITH_THRESHOLD:
        default = 0.8 if kind.removeprefix("not-") == "similar" else 0.75
        told["threshold"] = whole(float(threshold or 0)) or default
    return told


def test(row: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The test that a row of a table is."""
    variables: dict[str, JsonValue] = {}
    assertions: list[dict[str, JsonValue]] = []
    options: dict[str, JsonValue] = {}
    metadata: dict[str, JsonValue] = {}
    found: dict[str, JsonValue] = {"vars": variables}
    for key, value in row.items():
        told = value if isinstance(value, str) else compact(value)
        if key.startswith("__expected"):
            assertions.extend([assertion(told)] if told.strip() else [])
        elif key in _OPTIONS:
            options.update({_OPTIONS[key]: told} if told else {})
        elif key in _SPECIAL:
            found.update({_SPECIAL[key]: told} if told else {})
        elif key == "__threshold":
            found.update({"threshold": float(told)} if _is_number(told) else {})
        elif key.startswith("__config"):
            options[key] = told
        elif key.startswith(_METADATA):
            metadata.update(_metadata(key.removeprefix(_METADATA), told))
        elif key != _METRIC:
            variables[key] = value
    named: dict[str, JsonValue] = {"metric": row[_METRIC]} if row.get(_METRIC) else {}
    found["assert"] = [{**one, **named} for one in assertions]
    more = {"options": options, "metadata": metadata}
    return {**found, **{key: value for key, value in more.items() if value}}


def _metadata(key: str, told: str) -> dict[str, JsonValue]:
    """What a column of metadata says: a text, or of ``key[]`` a list of texts."""
    if not told.strip():
        return {}
    if not key.endswith("[]"):
        return {key: told}
    parts = [part.strip().replace("\\,", ",") for part in re.split(r"(?<!\\),", told)]
    return {key.removesuffix("[]"): list[JsonValue](parts)}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
