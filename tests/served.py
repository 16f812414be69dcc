"""A server over HTTP in a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ANNOUNCED = re.compile(
    r"regrade: listening (?:on|for traces on) (http://[^/]+)/(?:mcp|v1/traces)\n"
)


@dataclass(frozen=True)
class Served:
    """A server that listens. ``address`` is without the path."""

    process: subprocess.Popen[str]
    address: str

    @property
    def url(self) -> str:
        return f"{self.address}/mcp"


@contextmanager
def served(root: Path, *options: str, **environment: str) -> Generator[Served, None, None]:
    """Start one on a port that is free, and end it as an operator would."""
    at = [] if {"--http", "--otlp"} & {*options} else ["--http", "127.0.0.1:0"]
    command = [sys.executable, "-m", "regrade_server", "--root", str(root), "serve", *at, *options]
    with listening(command, **environment) as server:
        yield server


@contextmanager
def listening(command: list[str], **environment: str) -> Generator[Served, None, None]:
    """The server that ``command`` starts, once it says where it listens."""
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            found = ANNOUNCED.fullmatch(line)
            assert found, line + process.stderr.read()
            yield Served(process, found[1])
        finally:
            process.terminate()
            process.wait(20)
