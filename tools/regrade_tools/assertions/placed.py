"""Assertions about what an answer says, or about what one place of it says."""

from dataclasses import replace

from pydantic import Field

from regrade_tools.assertions.verdicts import Assertion, Subject, UndecidableError
from regrade_tools.texts.selector import MissingError, Place


class Placed(Assertion):
    """A kind that judges a text: the whole output, or what stands at a place of its JSON."""

    at: Place | None = Field(
        default=None, description="The place of the JSON output that is judged, such as text."
    )

    @property
    def subject(self) -> str:
        """As the base class says."""
        whole = super().subject
        return f"{whole} at {self.at.text}" if self.at and self.at.text else whole

    def part(self, subject: Subject) -> Subject:
        """As the base class says."""
        if self.at is None:
            return subject
        try:
            return replace(subject, output=self.at.find(subject.data))
        except MissingError as missing:
            raise UndecidableError(str(missing)) from None
