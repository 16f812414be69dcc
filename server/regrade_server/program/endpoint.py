"""A program that is running already and answers over HTTP."""

import json
import math
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from regrade_server.program.form import made, placed
from regrade_server.program.reply import reply
from regrade_tools.models import Case, Endpoint
from regrade_tools.models.target import VARIABLE
from regrade_tools.ports import Reply, Target, TargetError
from regrade_tools.refusal import Interruption, Refusal
from regrade_tools.texts.clipping import clip

if TYPE_CHECKING:
    import httpx2

_ADVICE = 'answer with JSON such as {"output": ...}'
_ANSWER_BYTES = 16 * 1024 * 1024
_SHOWN = 300
_BUSY = {429, 503}
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _LONGEST_WAIT_S = 0.1, 10.0, 3600.0
# Shorter than servers wait (5 s is common), so that none closes what is just being used.
_KEEPALIVE_S = 2.0
# A shorter value is no key; that an answer holds it says nothing.
_SHORTEST_SECRET = 16


class _BusyError(Exception):
    """Nobody has worked on the question: it may be asked again, after so many seconds."""

    def __init__(self, told: str, after_s: float = 0) -> None:
        super().__init__(told)
        self.after_s = after_s


class _AbsentError(_BusyError):
    """Nobody is there at all: each attempt failed at once."""


@asynccontextmanager
async def endpoint(spec: Endpoint, clean: Callable[[str], str]) -> AsyncGenerator[Target, None]:
    """The program at ``spec``; what it says is told ``clean``.

    Raises:
        Refusal: A header cannot be made.
    """
    headers, secrets = _headers(spec.headers, os.environ)
    # Imported with the first such target: a server that lists its tools asks nobody.
    import httpx2  # noqa: PLC0415

    limits = httpx2.Limits(keepalive_expiry=_KEEPALIVE_S)
    # A case has its own deadline; a redirect would carry the headers elsewhere.
    async with httpx2.AsyncClient(
        headers=headers, timeout=None, limits=limits, follow_redirects=False
    ) as client:
        yield _Served(spec, secrets, client, clean)


@dataclass(slots=True)
class _Served:
    spec: Endpoint
    secrets: tuple[str, ...]
    client: "httpx2.AsyncClient"
    clean: Callable[[str], str]
    # When somebody there has answered last, by the clock of the loop.
    reached_at: float = -math.inf

    async def answer(self, case: Case) -> Reply:
        """As the port says."""
        form = self.spec.body
        question = (
            {"id": case.id, **case.question} if form is None else made("body", form, case.input)
        )
        body = json.dumps(question, ensure_ascii=False).encode(errors="replace")
        raw, took = await self._patient(body)
        if self._tells_a_key(raw.decode(errors="replace")):
            raise TargetError(
                "the answer holds a value of a header's ${...}, so nothing of it is kept; "
                "mend the program: it must not tell its keys"
            )
        if self.spec.output is not None:
            return placed(raw, self.spec.output, self.spec, took, self.clean)
        return reply(raw, case.id, took, echoes=False, advice=_ADVICE, clean=self.clean)

    def _tells_a_key(self, text: str) -> bool:
        keys = [secret for secret in self.secrets if len(secret) >= _SHORTEST_SECRET]
        return any(key in text or json.dumps(key)[1:-1] in text for key in keys)

    @property
    def _place(self) -> str:
        """The address as it may be told: a query may hold anything."""
        return self.clean(self.spec.url.partition("?")[0])

    async def _patient(self, body: bytes) -> tuple[bytes, float]:
        """Ask until somebody answers who is neither absent nor busy, or the time is over."""
        pause: float = _FIRST_PAUSE_S
        began = anyio.current_time()
        last: _BusyError | None = None
        try:
            with anyio.fail_after(self.spec.timeout_s):
                while True:
                    last = None
                    try:
                        return await self._posted(body)
                    except _BusyError as problem:
                        last = problem
                        await anyio.sleep(max(pause, problem.after_s))
                    pause = min(2 * pause, _LONGEST_PAUSE_S)
        except TimeoutError:
            raise self._in_vain(last, began) from None

    def _in_vain(self, last: _BusyError | None, began: float) -> TargetError | Interruption:
        """Why nobody has answered in time; ``last`` is how the last attempt ended."""
        waited = f"{self.spec.timeout_s:g} s"
        if isinstance(last, _AbsentError):
            told = f"{self._place} cannot be reached ({last}), tried again and again for {waited}"
            mend = "start the program, or mend the url of the target"
            if self.reached_at < began:
                # Nobody has answered any question in all that time: nor would the next be.
                return Interruption(f"{told}.", next_step=f"{mend[0].upper()}{mend[1:]}.")
            return TargetError(f"{told}; {mend}")
        told = f"{self._place} gave no answer within {waited}{f': {last}' if last else ''}"
        return TargetError(f"{told}; see that it runs, or raise timeout_s of the target")

    async def _posted(self, body: bytes) -> tuple[bytes, float]:
        """The body of the answer, and the milliseconds it took."""
        import httpx2  # noqa: PLC0415 - as above

        began = time.perf_counter()
        sent = {"content-type": "application/json", "accept-encoding": "identity"}
        try:
            async with self.client.stream(
                "POST", self.spec.url, content=body, headers=sent
            ) as answer:
                self.reached_at = anyio.current_time()
                raw = await _body(answer)
        except httpx2.ConnectError as problem:
            raise _AbsentError(self.clean(str(problem))) from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as problem:
            what = f"{type(problem).__name__}: {self.clean(str(problem))}".rstrip(": ")
            raise TargetError(f"{self._place} broke off: {what}") from None
        took = (time.perf_counter() - began) * 1000
        if answer.status_code in _BUSY:
            raise _BusyError(f"it answered {answer.status_code}", _retry_after(answer))
        if not answer.is_success:
            told = raw.decode(errors="replace").strip()
            for secret in self.secrets:
                told = told.replace(secret, "***")
            told = clip(self.clean(told), _SHOWN)
            raise TargetError(f"{self._place} answered {answer.status_code}: {told}")
        return raw, took


async def _body(answer: "httpx2.Response") -> bytes:
    raw = bytearray()
    async for chunk in answer.aiter_bytes():
        raw += chunk
        if len(raw) > _ANSWER_BYTES:
            raise TargetError("the target answered with over 16 MB")
    return bytes(raw)


def _retry_after(answer: "httpx2.Response") -> float:
    """The seconds that the answer asks for; a date counts as none."""
    told = answer.headers.get("retry-after", "")
    return min(float(told), _LONGEST_WAIT_S) if told.isdecimal() else 0


def _headers(
    spec: Mapping[str, str], environment: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The headers with their variables filled in, and the values that must not be told."""
    secrets: set[str] = set()

    def value(header: str, name: str) -> str:
        if name not in environment:
            raise Refusal(
                f"The header {header} names the environment variable {name}, which is not set.",
                next_step="Set it where the server is started (`env` in the client's config).",
            )
        secrets.add(environment[name])
        return environment[name]

    headers: dict[str, str] = {}
    for header, pattern in spec.items():
        filled = VARIABLE.sub(lambda found, header=header: value(header, found[1]), pattern)
        if not (filled.isascii() and filled.isprintable()):
            raise Refusal(
                f"The header {header} has a character that no header may hold.",
                next_step="Mend it in evals/regrade.yaml, or the variable that it names.",
            )
        headers[header] = filled
    return headers, tuple(filter(None, secrets))
