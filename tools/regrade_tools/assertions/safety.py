"""Assertions about what must not leave: secrets, and data of persons."""

import re
from typing import ClassVar

from regrade_tools.assertions.placed import Placed
from regrade_tools.assertions.verdicts import Subject
from regrade_tools.models.case import Spec
from regrade_tools.secrets.redaction import redaction

# Each begins where its text begins, so that a long run is looked at once.
_PII = {
    "an e-mail address": re.compile(
        r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
    ),
    "a US social security number": re.compile(
        r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"
    ),
    "a telephone number": re.compile(
        r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)|\d{1,4})(?:[ .-]?\d{2,4}){2,4}"
        r"|(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4})(?![\w-])"
    ),
    "an IBAN": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
}
_CARD = re.compile(r"(?<![\d-])(?:\d[ -]?){12,18}\d(?![\d-])")
_LUHN_MODULUS = 10


class NoSecrets(Placed):
    """The output shows no key, token or password, by the patterns that redaction uses."""

    kind = "no-secrets"
    quotes = False
    example: ClassVar[Spec] = {"type": "no-secrets"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "show no secret"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        found = redaction()
        found.apply(subject.text)
        # What was found is not repeated: a reason is sent on.
        return f"it shows {', '.join(sorted(found.count))}" if found.count else None


class NoPii(Placed):
    """The output shows no e-mail address, telephone, payment card, social security number, IBAN."""

    kind = "no-pii"
    quotes = False
    example: ClassVar[Spec] = {"type": "no-pii"}

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "show no data of a person"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        shown = [what for what, pattern in _PII.items() if pattern.search(subject.text)]
        if any(_luhn(match[0]) for match in _CARD.finditer(subject.text)):
            shown.append("a payment card number")
        return f"it shows {', '.join(shown)}" if shown else None


def _luhn(text: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812."""
    digits = [int(digit) for digit in text if digit.isdigit()][::-1]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % _LUHN_MODULUS == 0
