"""The commands that a page shows, and what they print."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from console import spoken


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Every command of the console blocks with the output that the page shows for it."""
    for block in blocks("console", text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def matches(shown: str, actual: str) -> bool:
    """Whether ``actual`` is what is ``shown``, where ``...`` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.split("..."))
    return re.fullmatch(pattern, actual, re.DOTALL) is not None


def walked(text: str, root: Path, commands: Path) -> None:
    """Run what a page shows in the workspace ``root`` and compare what is printed.

    What is more than `regrade` and its words needs a shell, for which `regrade` and `python` are
    put into the folder ``commands``.
    """
    for name, module in (("python", ""), ("regrade", "-m regrade_server ")):
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module}"$@"\n')
        (commands / name).chmod(0o755)
    assigned = ""
    for command, shown in steps(text):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(root)
            patch.setenv("REGRADE_ROOT", str(root))
            patch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
            if re.fullmatch(r"regrade [^$<>|;&]+", command):
                _, out, error = spoken(*shlex.split(command)[1:])
                printed = out + error
            else:
                shell = ["sh", "-c", f"{assigned}{command} 2>&1"]
                printed = subprocess.run(shell, capture_output=True, text=True, check=False).stdout
        assert matches(shown, printed), f"$ {command}\n{printed}"
        if re.match(r"[A-Z]+=", command):
            assigned = f"{command}\n"
