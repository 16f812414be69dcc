"""Whether promptfoo and Regrade say the same of the same recorded outputs.

    python benchmarks/promptfoo_parity.py [--promptfoo "npx promptfoo@0.121.20"]

Writes one configuration with a test for each assertion and output below, gives it to both
(``promptfoo eval`` reads the outputs as ``providerOutput``; ``regrade import-suite`` and ``run``
score them as recorded), and writes every difference to benchmarks/results/promptfoo_parity.md.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import anyio

from regrade_server.house import House
from regrade_tools.files.workspace import Workspace

RESULT = Path(__file__).parent / "results" / "promptfoo_parity.md"
OUTPUTS = [
    "Hello world",
    "hello WORLD",
    " Hello world ",
    "Hello world\n",
    # Of an empty one promptfoo takes no notice: it asks its provider.
    " ",
    "2",
    "2.0",
    "true",
    "null",
    '{"color": "yellow", "countries": ["Ecuador", "Brazil"]}',
    'Here you are:\n```json\n{"color": "red"}\n```',
    '{"color": "yellow"',
    "[1, 2, 3]",
    "<p>Hello <b>world</b></p>",
    "<root><a>1</a></root>",
    "SELECT name FROM users WHERE id = 1",
    "Run this: ```sql\nSELECT 1\n```",
    "I'm sorry, but I can't help with that.",
    "The quick brown fox jumps over the lazy dog",
    "Bonjour le monde, où est la bibliothèque?",
    "price: ٣٤ dollars",
    "naïve café",
    "a, b and c",
    "line one\nline two",
]
SCHEMA = {"type": "object", "required": ["color", "countries"]}
ASSERTIONS: list[dict[str, Any]] = [
    {"type": "equals", "value": "Hello world"},
    {"type": "equals", "value": 2},
    {"type": "equals", "value": True},
    {"type": "equals", "value": {"color": "yellow", "countries": ["Ecuador", "Brazil"]}},
    {"type": "equals", "value": [1, 2, 3]},
    {"type": "contains", "value": "world"},
    {"type": "contains", "value": 2},
    {"type": "icontains", "value": "HELLO"},
    {"type": "icontains", "value": "CAFÉ"},
    {"type": "contains-all", "value": ["Hello", "world"]},
    {"type": "contains-all", "value": "a, b"},
    {"type": "contains-any", "value": ["Ecuador", "fox"]},
    {"type": "contains-any", "value": '"a, b", zebra'},
    {"type": "icontains-all", "value": ["hello", "WORLD"]},
    {"type": "icontains-any", "value": ["BRAZIL", "quick"]},
    {"type": "starts-with", "value": "Hello"},
    {"type": "regex", "value": "^[Hh]ello\\s\\w+$"},
    {"type": "regex", "value": "\\d+"},
    {"type": "regex", "value": "\\w{4} caf"},
    {"type": "regex", "value": "one.line"},
    {"type": "is-json"},
    {"type": "is-json", "value": SCHEMA},
    {"type": "contains-json"},
    {"type": "contains-json", "value": {"type": "object", "required": ["color"]}},
    {"type": "is-html"},
    {"type": "contains-html"},
    {"type": "is-xml"},
    {"type": "contains-xml"},
    {"type": "is-sql"},
    {"type": "contains-sql"},
    {"type": "is-refusal"},
    {"type": "word-count", "value": 2},
    {"type": "word-count", "value": {"min": 2, "max": 6}},
    {"type": "levenshtein", "value": "Hello world", "threshold": 2},
    {"type": "rouge-n", "value": "The quick brown fox", "threshold": 0.5},
    {"type": "bleu", "value": "The quick brown fox jumps over a lazy dog", "threshold": 0.4},
    {"type": "gleu", "value": "The quick brown fox jumps over a lazy dog", "threshold": 0.4},
    {"type": "assert-set", "assert": [
        {"type": "contains", "value": "Hello"}, {"type": "word-count", "value": 2}]},
]  # fmt: skip


def configuration() -> dict[str, Any]:
    """A test for each assertion, negated and not, on each output."""
    tests: list[dict[str, Any]] = []
    for assertion in ASSERTIONS:
        kinds = [assertion["type"]]
        if assertion["type"] != "assert-set":
            kinds.append(f"not-{assertion['type']}")
        for kind in kinds:
            for output in OUTPUTS:
                number = f"test {len(tests)}"
                asked = {**assertion, "type": kind}
                tests.append({"description": number, "vars": {"n": number},
                              "providerOutput": output, "assert": [asked]})  # fmt: skip
    return {"prompts": ["{{n}}"], "providers": ["echo"], "tests": tests}


def theirs(command: list[str], folder: Path) -> dict[str, str]:
    """What promptfoo says, by the description of the test."""
    env = {**os.environ, "PROMPTFOO_CONFIG_DIR": str(folder / "state"),
           "PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1"}  # fmt: skip
    told = folder / "theirs.json"
    subprocess.run(  # noqa: S603 - the peer that a person named
        [*command, "eval", "-c", "promptfooconfig.json", "-o", str(told), "--no-cache",
         "--no-table", "--no-write", "--no-progress-bar"],
        cwd=folder, env=env, check=False, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    found = json.loads(told.read_text())["results"]["results"]
    return {one["testCase"]["description"]: _outcome(one) for one in found}


def _outcome(result: dict[str, Any]) -> str:
    if result["success"]:
        return "passed"
    # An error of the evaluation itself has no grading.
    return "failed" if result.get("gradingResult") else "errored"


def ours(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What Regrade says, by the description; and why each test that was not imported was not."""
    regrade = [sys.executable, "-m", "regrade_server"]
    root = ["--root", str(folder), "--json"]
    config = str(folder / "promptfooconfig.json")
    read = subprocess.run(  # noqa: S603 - our own program
        [*regrade, "import-suite", config, "--as", "parity", *root], capture_output=True, check=True
    )
    report = json.loads(read.stdout)
    left = {one["where"].partition("(")[2].rstrip(")"): one["why"] for one in report["left_out"]}
    subprocess.run(  # noqa: S603 - as above
        [*regrade, "run", "parity", "--select=-tag:unasserted", "--json", *root[:2]],
        capture_output=True, check=False,
    )  # fmt: skip
    return anyio.run(_outcomes, folder), left


async def _outcomes(folder: Path) -> dict[str, str]:
    house = House(Workspace(folder))
    async with house.open():
        newest = (await house.store.runs("parity", 1))[0]
        results = await house.store.results(newest.run.id)
        cases = {case.id: case.reason for case in Workspace(folder).cases("parity")}
    return {cases[one.case_id]: one.outcome for one in results}


def report(config: dict[str, Any], peer: dict[str, str], own: dict[str, str],
           left: dict[str, str], version: str) -> str:  # fmt: skip
    """The comparison as Markdown."""
    agreed: Counter[str] = Counter()
    different: dict[str, list[str]] = defaultdict(list)
    missing: dict[str, Counter[str]] = defaultdict(Counter)
    for test in config["tests"]:
        name, kind = test["description"], test["assert"][0]["type"]
        shown = json.dumps(test["assert"][0], ensure_ascii=False)
        if name not in own:
            missing[kind][left.get(name, "not imported")] += 1
        elif own[name] == peer.get(name):
            agreed[kind] += 1
        else:
            said = f"promptfoo {peer.get(name)}, Regrade {own[name]}"
            different[kind].append(f"{said}: `{shown}` on `{test['providerOutput']!r}`")
    total, number = sum(agreed.values()), sum(map(len, different.values()))
    unheard = sum(sum(why.values()) for why in missing.values())
    lines = [
        "# The same recorded outputs, judged by promptfoo and by Regrade",
        "",
        f"promptfoo {version}; {len(OUTPUTS)} outputs by {len(ASSERTIONS)} assertions, each also",
        "negated. Made by `benchmarks/promptfoo_parity.py`.",
        "",
        f"**{total} verdicts agree, {number} differ, {unheard} were not imported (below).**",
        "",
        "| assertion | agree | differ | not imported |",
        "|---|---|---|---|",
    ]
    kinds = dict.fromkeys(test["assert"][0]["type"] for test in config["tests"])
    lines.extend(
        f"| {kind} | {agreed[kind]} | {len(different[kind])} | {sum(missing[kind].values())} |"
        for kind in kinds
    )
    lines.extend(["", "## Differences", ""])
    lines.extend(f"- {one}" for kind in kinds for one in different[kind])
    lines.extend(["" if number else "None.", "", "## Not imported, and why", ""])
    lines.extend(
        f"- `{kind}` ({count}): {why}" for kind in kinds for why, count in missing[kind].items()
    )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Compare, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--promptfoo", default="npx --yes promptfoo@0.121.20")
    command = shlex.split(parser.parse_args().promptfoo)
    config = configuration()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "evals").mkdir()
        (folder / "promptfooconfig.json").write_text(json.dumps(config), encoding="utf-8")
        told = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
        peer = theirs(command, folder)
        own, left = ours(folder)
    RESULT.write_text(report(config, peer, own, left, told.stdout.split()[-1]), encoding="utf-8")
    print(RESULT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
