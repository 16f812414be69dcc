"""A person's word: what became of the question to them, and which tools ask it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

# What became of the question to the person: nobody was asked, nobody could be, or an answer.
Consent = Literal["unasked", "unable", "declined", "given"]
# What a person does with what they have read.
Word = Literal["sign", "accept"]


@dataclass(frozen=True, slots=True)
class Asking:
    """A question that a person is asked before a tool is called, and what their yes does.

    ``question`` takes arguments of the tool by their names. It returns the text, or None where
    the call needs nobody's word.
    """

    question: Callable[..., Awaitable[str | None]]
    word: Word
