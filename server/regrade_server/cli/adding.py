"""How commands come to the parser."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any, Protocol

from regrade_server.cli.console import Console

# What a command does with its arguments in a workspace, or at the root of one; its exit code.
Command = Callable[[Namespace, Any, Console], int]


class Adder(Protocol):
    """How a command is added to the parser."""

    def __call__(self, name: str, run: Command) -> ArgumentParser:
        """Its parser."""
        ...
