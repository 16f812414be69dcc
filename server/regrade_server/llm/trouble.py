"""What went wrong with a model, in words that say what to do; and whether to ask again."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

_LONGEST = 300
_REFUSED = 400
_MISSING_KEY = ("missing credentials", "api_key client option must be set", "no api key")


@dataclass(frozen=True, slots=True)
class Trouble:
    """``again``: the next try may go well. ``fatal``: no question to this model can go well.

    ``pause_s``: how long the provider asks to be left alone. ``came``: there was an answer, and
    it may have been paid, but nobody can read it.
    """

    told: str
    again: bool = False
    fatal: bool = False
    refused: bool = False
    pause_s: float = 0
    came: bool = False


def trouble(error: Exception, model: str, library: Any) -> Trouble:  # noqa: ANN401 - litellm
    """``error`` of litellm, told.

    Its classes do not always say what happened: a missing key comes as an internal error.
    """
    # What follows is of this machine, and nothing that the provider said.
    said = " ".join(str(error).partition("Traceback")[0].split())[:_LONGEST]
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
        return Trouble(told, again=True, pause_s=_asked_for(error))
    if isinstance(error, kinds.Timeout):
        return Trouble(f"{model} did not answer in time (timeout_s)", again=True)
    if isinstance(error, kinds.BadRequestError):
        return Trouble(f"{model} does not take this question: {said}", fatal="provider" in said)
    if _came(error):
        return Trouble(f"{model} answered what nobody can read: {said}", again=True, came=True)
    return Trouble(f"{model} failed: {said}", again=True, pause_s=_asked_for(error))


def _came(error: BaseException) -> bool:
    """Whether the provider took the question: it neither refused it nor was it out of reach."""
    cause: BaseException | None = error
    while cause is not None:
        status = getattr(getattr(cause, "response", None), "status_code", 0)
        # litellm gives its own errors a response that never came.
        if type(cause).__module__.startswith("httpx") and status >= _REFUSED:
            return False
        if type(cause).__name__ == "ConnectError":
            # So is called, too, what cut the connection after the question was sent.
            return type(cause.__cause__).__name__ == "ClientOSError"
        cause = cause.__cause__ or cause.__context__
    return True


def _asked_for(error: Exception) -> float:
    """The seconds of the header Retry-After: a number of them, or a date."""
    headers: Any = getattr(error, "litellm_response_headers", None) or {}
    told = str(headers.get("retry-after") or "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time())
    except ValueError:
        return 0
