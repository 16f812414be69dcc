"""What stands at the addresses of cases, schemas and guides."""

import json

from regrade_prompts import render
from regrade_server.protocol.addresses import GUIDES
from regrade_server.protocol.schemas import lean
from regrade_tools.assertions import KINDS, described, fields_of
from regrade_tools.cases.filing import case_text
from regrade_tools.files.published import SCHEMAS
from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.refusal import unknown


def case(place: Workspace | None, suite: str, case_id: str) -> str:
    """The file of a case, or what a case file would say of a row of the suite's dataset.

    Raises:
        Refusal: There is none of that name, or no workspace; or a row is wrong.
    """
    workspace = needed(place)
    if suite not in workspace.suites():
        raise unknown("suite", suite, workspace.suites())
    # Only a name that is listed is ever made a path of.
    known = workspace.names(f"cases/{suite}", ".yaml")
    if case_id in known:
        return workspace.text(workspace.case_path(suite, case_id))
    rows: list[str] = []
    for row in workspace.rows(suite):
        if row.id == case_id:
            dataset = workspace.suite(suite).dataset
            return f"# a row of {dataset.file if dataset else suite}\n{case_text(row)}"
        rows.append(row.id)
    raise unknown("case", case_id, [*known, *rows][:50])


def schema(kind: str) -> str:
    """The JSON Schema of a kind of file.

    Raises:
        Refusal: There is no such kind.
    """
    if kind not in SCHEMAS:
        raise unknown("schema", kind, SCHEMAS)
    told = lean(SCHEMAS[kind]())
    # Every kind of assertion is more than all else together, and is read once.
    if "Assertion" in told.get("$defs", {}):
        told["$defs"]["Assertion"] = {"$ref": "regrade://schema/assertion"}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def guide(topic: str) -> str:
    """A guide.

    Raises:
        Refusal: There is none on that.
    """
    if topic not in GUIDES:
        raise unknown("guide", topic, GUIDES)
    if topic != "assertions":
        return render(f"guides/{topic}")
    kinds = [
        {**kind, "example": json.dumps(kind["example"]), "fields": fields_of(name)}
        for name, kind in zip(KINDS, described(), strict=True)
    ]
    return render("guides/assertions", kinds=kinds)
