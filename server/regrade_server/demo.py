"""`regrade demo`: the whole loop on the example, through the same MCP calls that an agent makes."""

import difflib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import anyio
from mcp import Client

from regrade_server.cli import decision
from regrade_server.cli.console import Console
from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace
from regrade_tools.refusal import Refusal

_SUITE = "finder"
_STUDIO, _COMMA = "a studio in San Jose", "2 bed in San Jose under $3,200"
# What a person would change in finder.py to mend the two bugs.
_MENDED = (
    ("if wish.bedrooms and listing", "if wish.bedrooms is not None and listing"),
    (r"\$?(\d+)", r"\$?([\d,]+)"),
    ("most=int(most[1])", 'most=int(most[1].replace(",", ""))'),
)
_SHOWN = 1_200


def example() -> Path:
    """The example's folder: in a wheel beside this module, in a checkout at the top."""
    packaged = Path(__file__).parent / "listing_finder"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "examples/listing_finder"


def show(keep: str | None, console: Console) -> int:
    """Go through the loop in a scratch folder, or in the new folder ``keep``."""
    folder = Path(keep) if keep else Path(tempfile.mkdtemp(prefix="regrade-demo-")) / _SUITE
    if folder.exists():
        raise Refusal(f"{folder} exists already.", next_step="Name a folder that does not.")
    shutil.copytree(example(), folder, ignore=shutil.ignore_patterns("__pycache__", ".regrade"))
    house = House(Workspace(folder.resolve(), "the demo"))

    async def work() -> int:
        async with Client(build_server(house)) as client:
            return await _Demo(client, house, console).run()

    return anyio.run(work)


@dataclass(frozen=True, slots=True)
class _Demo:
    client: Client
    house: House
    console: Console

    async def run(self) -> int:
        say, root = self.console.say, self._root
        say(f"Listing Finder, a small program with two honest bugs, copied to {root}")
        self._step("1. It answers ten questions and logs each request.")
        self._log("logs.jsonl")
        self._step("2. The log becomes searchable traces.")
        await self._call("import_traces", path="logs.jsonl")
        self._step("3. Somebody complains: there IS a two-bedroom for less than $3,200. Look.")
        comma = await self._find('"3,200"')
        await self._call("get_trace", trace_id=comma)
        self._step("4. A check that would not have caught the bug proves nothing: it is refused.")
        reason = "A price written with a comma is read as three dollars"
        vague: list[dict[str, Any]] = [{"type": "is-json"}]
        await self._call("file_case", **_case(comma, vague, reason))
        self._step("5. One that fails on the recorded answer is filed: one file, for review.")
        await self._call("file_case", **_case(comma, _first_is("L103"), reason))
        self._step("6. The same for the second complaint: asked for a studio, it offers houses.")
        studio = await self._find("studio jose")
        reason = "A studio has no bedrooms, and none was taken for any"
        await self._call("file_case", **_case(studio, _first_is("L100"), reason))
        self._step("7. The suite runs the program, fresh: three pass, two fail. The gate holds.")
        held = await self._gate()
        self._step("8. The program is mended.")
        self._mend(root / "finder.py")
        self._step("9. The same gate lets it ship.")
        shipped = await self._gate()
        self._step("10. From now on the gate compares with a baseline that is committed.")
        await self._baseline()
        self._step("11. Somebody deletes a case. The rate does not fall, but a person has to look.")
        gone = next((root / "evals/cases" / _SUITE).glob("case_a-studio-*.yaml"))
        gone.unlink()
        await self._gate()
        say()
        say(f"All of it lies in {root}: try `regrade --root {root} call overview`.")
        result = {"folder": str(root), "first_gate": held, "gate_after_mending": shipped}
        self.console.result(result, "")
        return 0 if (held, shipped) == ("hold", "ship") else 3

    @property
    def _root(self) -> Path:
        return self.house.gating.baselines.workspace.root

    def _step(self, told: str) -> None:
        self.console.say()
        self.console.say(told)

    def _log(self, name: str) -> None:
        questions = (self._root / "questions.txt").read_text(encoding="utf-8")
        self.console.say(f"   $ python finder.py --log {name} < questions.txt")
        done = subprocess.run(  # noqa: S603 - the example's own program
            [sys.executable, "finder.py", "--log", name],
            cwd=self._root,
            input=questions,
            capture_output=True,
            text=True,
            check=True,
        )
        for question, answer in zip(questions.splitlines(), done.stdout.splitlines(), strict=True):
            self.console.say(f"   {question:44} {answer}")

    async def _call(self, tool: str, **arguments: Any) -> Mapping[str, Any]:  # noqa: ANN401
        self.console.say(f"   {tool}({json.dumps(arguments)})")
        reply = await self.client.call_tool(tool, arguments)
        if reply.is_error:
            self._indent("refused: " + " ".join(getattr(p, "text", "") for p in reply.content))
            return {}
        content = cast("dict[str, Any]", reply.structured_content)
        told = dict(content)
        diff = str(told.pop("diff", ""))
        shown = json.dumps(told, indent=1, ensure_ascii=False)
        self._indent(shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}\n...")
        self._indent(diff)
        return content

    def _indent(self, text: str) -> None:
        for line in text.splitlines():
            self.console.say(f"   | {line}")

    async def _find(self, query: str) -> str:
        found = await self._call("search_traces", query=query, fields=["preview"])
        return str(found["traces"][0]["id"])

    async def _gate(self) -> str:
        self.console.say(f"   $ regrade gate {_SUITE}")
        report = await self.house.gating.gate(_SUITE)
        self._indent(decision.gate(report))
        return report.ruling.decision

    async def _baseline(self) -> None:
        self.console.say(f"   $ regrade run {_SUITE} --save-baseline")
        report = await self.house.suites.run_suite(_SUITE, wait_s=60)
        saved = await self.house.baselines.save(report.summary.run_id)
        self._indent(saved.path)

    def _mend(self, path: Path) -> None:
        before = path.read_text(encoding="utf-8")
        after = before
        for old, new in _MENDED:
            after = after.replace(old, new)
        path.write_text(after, encoding="utf-8")
        lines = before.splitlines(), after.splitlines()
        for line in difflib.unified_diff(*lines, "finder.py", "finder.py", lineterm="", n=0):
            self.console.say(f"   | {line}")


def _case(trace_id: str, assertions: list[dict[str, Any]], reason: str) -> dict[str, Any]:
    return {
        "suite": _SUITE,
        "trace_id": trace_id,
        "assertions": assertions,
        "reason": reason,
        "feature": "find_listings",
        "scenario": "one",
    }


def _first_is(listing: str) -> list[dict[str, Any]]:
    return [
        {"type": "path", "at": "listings", "len": 1},
        {"type": "path", "at": "listings[0].id", "equals": listing},
    ]
