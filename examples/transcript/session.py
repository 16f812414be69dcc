"""An agent debugs a complaint and files what it learnt: every call here is made, every reply real.

    python session.py FILE.md

A copy of ../listing_finder is the repository. What people and the agent say is written here; ids,
times and paths are replaced by stable ones, so that the transcript changes only where replies do.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

EXAMPLE = Path(__file__).parents[1] / "listing_finder"
IDS = re.compile(r"\b(?:tr|run)_[0-9a-z]{8,}\b|\bcase_[0-9a-z-]+-[0-9a-f]{6,}\b")
TIMES = re.compile(r'("(?:when|started|ended|before|after|\w+_(?:ms|s|at))":) ?(?:"[^"]*"|[\d.]+)')
# As they stand in the YAML of a diff.
STAMPS = re.compile(r"(\w+_(?:ms|at): )(?:'[^']*'|[\d.]+)")
NAMES = re.compile(r"\d{4}-\d\d-\d\d (\w+ \w+)")
MENDED = (
    ('(\\d+)", words)', '([\\d,]+)", words)'),
    ("most=int(most[1])", 'most=int(most[1].replace(",", ""))'),
)


@dataclass
class Transcript:
    """What was said and called, as Markdown. ``names`` are the stable names of ids."""

    root: Path
    client: Client
    parts: list[str] = field(default_factory=list[str])
    names: dict[str, str] = field(default_factory=dict[str, str])

    def say(self, who: str, text: str) -> None:
        """A person or the agent says something."""
        self.parts.append(f"**{who}**: {text}")

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Call a tool and write down both sides."""
        reply = await self.client.call_tool(tool, arguments)
        text = " ".join(getattr(part, "text", "") for part in reply.content)
        told = json.dumps(arguments, ensure_ascii=False)
        self.parts.append(f"`{tool}` {self.stable(told)}")
        content: dict[str, Any] = reply.structured_content or {}
        shown = text if reply.is_error else json.dumps(content, indent=1, ensure_ascii=False)
        kind = "text" if reply.is_error else "json"
        timeless = STAMPS.sub(r"\1...", TIMES.sub(r'\1 "..."', NAMES.sub("a name", shown)))
        self.parts.append(f"```{kind}\n{self.stable(timeless)}\n```")
        return content

    def stable(self, text: str) -> str:
        """``text`` without what differs from one session to the next."""
        return IDS.sub(self._named, text.replace(str(self.root), "/repository"))

    def _named(self, found: re.Match[str]) -> str:
        kind, _, rest = found[0].partition("_")
        if kind == "case":
            return f"case_{rest.rpartition('-')[0]}"
        count = sum(name.startswith(kind) for name in self.names.values())
        return self.names.setdefault(found[0], f"{kind}_{count + 1}")


async def session(told: Transcript) -> None:
    """The conversation."""
    told.say("Person", "A customer writes: *2 bed in San Jose under $3,200* found nothing, and "
                       "there is one. Why? Make sure that it never comes back.")  # fmt: skip
    told.say("Agent", "I look at what there is, and for the trace of that question.")
    await told.call("import_traces", path="log.jsonl")
    found = await told.call("search_traces", query='"3,200" -studio', fields=["id", "preview"])
    [row] = found["traces"]
    await told.call("get_trace", trace_id=row["id"])
    told.say("Agent", "The answer is well-formed and empty. `finder.py` reads the price as "
                      "`under \\$(\\d+)`: of `$3,200` it takes the 3. First the case, then the "
                      "mending. That the output is JSON would be an easy check:")  # fmt: skip
    case = {"suite": "finder", "trace_id": row["id"], "reason": "comma in a price"}
    place = {"feature": "find_listings", "scenario": "one"}
    await told.call("file_case", **case, assertions=[{"type": "is-json"}])
    told.say("Agent", "Refused, and rightly: it would not have caught this. What is wrong is that "
                      "there is no listing, so that is what I check.")  # fmt: skip
    checks = [{"type": "path", "at": "listings", "len": 1}]
    await told.call("file_case", **case, **place, assertions=checks, dry_run=True)
    await told.call("file_case", **case, **place, assertions=checks)
    run = await told.call("run_suite", suite="finder", wait_s=60)
    told.say("Agent", "It fails where it should. Now I mend `finder.py`, so that a price may have "
                      "commas, and run the suite again.")  # fmt: skip
    program = told.root / "finder.py"
    text = program.read_text(encoding="utf-8")
    for old, new in MENDED:
        text = text.replace(old, new)
    program.write_text(text, encoding="utf-8")
    before = run["summary"]["run_id"]
    await told.call("run_suite", suite="finder", baseline=before, wait_s=60)
    told.say("Agent", "Fixed, and nothing else broke. `evals/cases/finder/` has one file more: "
                      "commit it with the mending, and the gate holds whatever brings the bug "
                      "back.")  # fmt: skip


async def played(root: Path) -> str:
    """The session in the repository ``root``, as a page."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "regrade_server", "--root", str(root)]
    )
    async with Client(server) as client:
        told = Transcript(root, client)
        await session(told)
    head = "# A complaint becomes a regression case\n\nWritten by `session.py`; do not edit."
    return "\n\n".join([head, *told.parts]) + "\n"


def main(path: Path) -> None:
    """Play the session and write it down."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "listing_finder"
        shutil.copytree(EXAMPLE, root)
        with (root / "questions.txt").open(encoding="utf-8") as questions:
            command = [sys.executable, "finder.py", "--log", "log.jsonl"]
            subprocess.run(  # noqa: S603 - the example itself
                command, cwd=root, stdin=questions, stdout=subprocess.DEVNULL, check=True
            )
        path.write_text(anyio.run(played, root), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
