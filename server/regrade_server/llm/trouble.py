"""What went wrong with a model, in words that say what to do; and whether to ask again."""

from dataclasses import dataclass
from typing import Any

_LONGEST = 300
_MISSING_KEY = ("missing credentials", "api_key client option must be set", "no api key")


@dataclass(frozen=True, slots=True)
class Trouble:
    """``again``: the next try may go well. ``fatal``: no question to this model can go well."""

    told: str
    again: bool = False
    fatal: bool = False
    refused: bool = False


def trouble(error: Exception, model: str, library: Any) -> Trouble:  # noqa: ANN401 - litellm
    """``error`` of litellm, told.

    Its classes do not always say what happened: a missing key comes as an internal error.
    """
    said = " ".join(str(error).split())[:_LONGEST]
    kinds = library.exceptions
    if isinstance(error, kinds.ContentPolicyViolationError):
        return Trouble(f"the provider of {model} refused to answer", refused=True)
    if isinstance(error, kinds.AuthenticationError | kinds.PermissionDeniedError) or any(
        word in said.lower() for word in _MISSING_KEY
    ):
        return Trouble(f"{model} wants a key that is good: {said}", fatal=True)
    if isinstance(error, kinds.ContextWindowExceededError):
        return Trouble(f"the question is too long for {model}")
    if isinstance(error, kinds.NotFoundError):
        return Trouble(f"there is no {model} at its provider: {said}", fatal=True)
    if isinstance(error, kinds.RateLimitError):
        told = f"{model} is rate limited; lower concurrency or requests_per_minute"
        return Trouble(told, again=True)
    if isinstance(error, kinds.Timeout):
        return Trouble(f"{model} did not answer in time (timeout_s)", again=True)
    if isinstance(error, kinds.BadRequestError):
        return Trouble(f"{model} does not take this question: {said}", fatal="provider" in said)
    return Trouble(f"{model} failed: {said}", again=True)
