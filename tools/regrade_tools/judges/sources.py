"""What a judge that asks no model is made of: judgements in a file, or a function's own file."""

import json

from pydantic import JsonValue

from regrade_tools.files.repository import LARGEST_OF_OURS
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import fingerprint, item_key
from regrade_tools.judges.judging import Said, spoken
from regrade_tools.models import JudgeSpec
from regrade_tools.refusal import Refusal
from regrade_tools.texts.jsontext import lines


def recordings(workspace: Workspace, spec: JudgeSpec) -> dict[str, Said]:
    """The judgements of the file that ``recorded`` names, by the key of the item.

    Raises:
        Refusal: A line of it is no object, or it lies outside the workspace.
    """
    if spec.recorded is None:
        return {}
    path = workspace.readable(spec.recorded)
    shown = workspace.shown(path)
    found: dict[str, Said] = {}
    for number, line in lines(workspace.text(path, LARGEST_OF_OURS)):
        try:
            row: JsonValue = json.loads(line)
        except (ValueError, RecursionError):
            raise Refusal(f"{shown}:{number} is not JSON.") from None
        if not isinstance(row, dict):
            raise Refusal(f"{shown}:{number} is no object.")
        calls, context = (
            value if isinstance(value := row.get(name), list) else ()
            for name in ("tool_calls", "context")
        )
        key = row.get("item") or item_key(row.get("input"), row.get("output"), calls, context)
        found[str(key)] = spoken(row)
    return found


def source(workspace: Workspace, spec: JudgeSpec, recorded: dict[str, Said]) -> str:
    """What of the repository decides what such a judge says, as one fingerprint.

    Of a function it is the file that it stands in, not what that imports; of one that is
    installed and not in the repository nothing is known. Empty for a judge that asks models.
    """
    if spec.recorded is not None:
        return fingerprint([[key, one.verdict, one.reasoning] for key, one in recorded.items()])
    if spec.python is None:
        return ""
    module = workspace.root.joinpath(*spec.python.partition(":")[0].split("."))
    for path in (module.with_name(f"{module.name}.py"), module / "__init__.py"):
        if path.is_file():
            return fingerprint(workspace.text(path))
    return ""
