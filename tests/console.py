"""The command line in this process: its exit code, and what it says."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

from regrade_server.cli import main


def spoken(*arguments: str) -> tuple[int, str, str]:
    """What a person gets: the exit code, standard output and standard error."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as error:
        code = main(arguments)
    return code, out.getvalue(), error.getvalue()


def answered(*arguments: str) -> tuple[int, Any]:
    """What a program gets: the exit code, and the JSON on standard output."""
    code, out, _ = spoken(*arguments, "--json")
    return code, json.loads(out)
