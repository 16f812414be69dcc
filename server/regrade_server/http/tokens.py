"""Who may ask: bearer tokens and their scopes."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcp.server.auth.provider import AccessToken

from regrade_server.protocol.surface import SCOPES
from regrade_tools.refusal import Refusal, unknown

VARIABLE = "REGRADE_TOKEN"
_SHORTEST = 16
_EVERY = frozenset(SCOPES.values())


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that are known, by their digests: the tokens themselves are not kept."""

    scopes: Mapping[bytes, frozenset[str]]

    def __bool__(self) -> bool:
        return bool(self.scopes)

    def known(self, token: str) -> AccessToken | None:
        """What ``token`` allows, or None where nobody gave it out."""
        digest = _digest(token)
        # Each is compared, so that the time tells nothing of how near a guess came.
        found = [one for one in self.scopes if hmac.compare_digest(one, digest)]
        if not found:
            return None
        name = digest.hex()[:16]
        return AccessToken(token=name, client_id=name, scopes=sorted(self.scopes[found[0]]))


def read_tokens(environment: Mapping[str, str], path: Path | None) -> Tokens:
    """The tokens of ``REGRADE_TOKEN``, which may do everything, and of a file.

    A line of the file is a token, a blank and its scopes: ``read``, ``write`` (which includes
    read) and ``spend`` (which includes both), parted by commas. ``#`` begins a comment.

    Raises:
        Refusal: The file cannot be read, or a line of it is wrong. No token is quoted.
    """
    found: dict[bytes, frozenset[str]] = {}
    if VARIABLE in environment:
        found[_digest(_long(environment[VARIABLE], VARIABLE))] = _EVERY
    for number, line in enumerate([] if path is None else _lines(path), 1):
        words = line.partition("#")[0].split()
        if words:
            token, *scopes = words
            where = f"{path}:{number}"
            found[_digest(_long(token, where))] = _scopes(" ".join(scopes), where)
    if path is not None and not found:
        raise Refusal(f"{path} holds no token.", next_step="Write one a line: TOKEN read,write")
    return Tokens(found)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as problem:
        raise Refusal(f"The tokens cannot be read from {path}: {problem}.") from None


def _long(token: str, where: str) -> str:
    if len(token) < _SHORTEST or not (token.isascii() and token.isprintable()):
        raise Refusal(
            f"The token of {where} is too easy to guess: it has {len(token)} characters.",
            next_step=f"Use {_SHORTEST} or more in ASCII, such as `openssl rand -hex 24` prints.",
        )
    return token


def _scopes(text: str, where: str) -> frozenset[str]:
    names = [name for name in text.replace(",", " ").split() if name]
    if not names:
        raise Refusal(
            f"{where} gives a token no scope.", next_step="Write after it: read, write or spend."
        )
    ordered = list(SCOPES.values())
    for name in names:
        if name not in ordered:
            raise unknown("scope", name, ordered, next_step=f"Mend {where}.")
    return frozenset(ordered[: max(map(ordered.index, names)) + 1])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
