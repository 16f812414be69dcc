"""A person at a terminal: a command of this process, or of one of its own, between two ends."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from regrade_server.cli import main


def here(terminal: int, arguments: Sequence[str]) -> int:
    with (
        open(terminal, closefd=False) as keyboard,
        open(terminal, "w", closefd=False) as screen,
        redirect_stdout(screen),
        redirect_stderr(screen),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr("sys.stdin", keyboard)
        return main(arguments)


def in_a_process(terminal: int, arguments: Sequence[str]) -> int:
    command = [sys.executable, "-m", "regrade_server", *arguments]
    return subprocess.run(
        command, stdin=terminal, stdout=terminal, stderr=terminal, check=False
    ).returncode


def at_a_terminal(
    root: Path, typed: Sequence[str], *arguments: str,
    start: Callable[[int, Sequence[str]], int] = here,
) -> tuple[int, str]:  # fmt: skip
    """The exit code of a command in a terminal, and all that it shows while lines are typed."""
    ours, theirs = pty.openpty()
    # The terminal keeps what is typed ahead.
    os.write(ours, "".join(f"{line}\n" for line in typed).encode())
    with ThreadPoolExecutor(1) as beside:
        shown = beside.submit(all_of, ours)
        try:
            code = start(theirs, [*arguments, "--root", str(root)])
        finally:
            os.close(theirs)
        return code, shown.result()


def all_of(terminal: int) -> str:
    shown = b""
    with open(terminal, "rb", buffering=0) as screen:
        while True:
            try:
                shown += screen.read(65_536)
            except OSError:
                # Linux says so when the last program of a terminal has ended.
                return shown.decode()
