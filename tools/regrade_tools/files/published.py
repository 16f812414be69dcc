"""The JSON Schemas of the files that people and agents write."""

from collections.abc import Callable
from typing import Any, cast

from regrade_tools.assertions import json_schema
from regrade_tools.models import Case, JudgeSpec, Project, Suite


def _of(kind: type[Case | Suite | Project | JudgeSpec], title: str) -> dict[str, Any]:
    """The schema of a file, with every list of assertions spelt out."""
    schema = kind.model_json_schema()
    definitions = cast("dict[str, Any]", schema.setdefault("$defs", {}))
    fields = [holder.get("properties", {}) for holder in (schema, *definitions.values())]
    asking = [properties["assertions"] for properties in fields if "assertions" in properties]
    for listed in asking:
        listed["items"] = {"$ref": "#/$defs/Assertion"}
    if asking:
        definitions["Assertion"] = json_schema()
        # Inside an assertion anything that is JSON is allowed where a value stands.
        definitions.setdefault("JsonValue", {})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "suite": lambda: _of(Suite, "evals/suites/<suite>.yaml"),
    "case": lambda: _of(Case, "evals/cases/<suite>/<id>.yaml"),
    "judge": lambda: _of(JudgeSpec, "The front matter of evals/judges/<judge>.md"),
    "project": lambda: _of(Project, "evals/regrade.yaml"),
    "assertion": lambda: {"$defs": {"JsonValue": {}}, **json_schema()},
}
