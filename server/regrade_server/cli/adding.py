"""How commands come to the parser."""

from argparse import ArgumentParser
from typing import Protocol


class Adder(Protocol):
    """How a command is added to the parser."""

    def __call__(self, name: str, told: str, run: object, *, prints: bool = True) -> ArgumentParser:
        """Its parser."""
        ...
