"""What a tool is, whoever shows it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from regrade_tools.consenting import Asking

# reads: changes nothing. writes: adds to the store or to evals/. runs: also starts a program
# of the repository. Nothing here overwrites or deletes.
Effect = Literal["reads", "writes", "runs"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: a method whose docstring is what an agent reads of it.

    ``rest`` says how to come by what a reply that was cut to size left out.
    ``asks``: what a person is asked first, where the tool needs their word.
    """

    method: Callable[..., Awaitable[Any]]
    title: str
    effect: Effect
    rest: str
    asks: Asking | None = None

    @property
    def name(self) -> str:
        """What an agent calls it."""
        return str(getattr(self.method, "__name__", ""))
