"""The ``Models`` port on litellm: bounded in time, in tries and in questions a minute."""

import random
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio import to_thread

from regrade_server.llm.asking import alone, arguments_of, sender
from regrade_server.llm.library import litellm
from regrade_server.llm.traffic import Traffic
from regrade_server.llm.trouble import trouble
from regrade_tools.models import Completion, ModelError, ModelSpec, Question

_TRIES = 4
_FIRST_PAUSE_S = 0.5
# A provider may add a few tokens of its own to each message.
_PER_MESSAGE = 16


@dataclass
class LanguageModels:
    """Models, each known by how it is reached."""

    _traffic: Traffic = field(default_factory=Traffic)
    _library: Any = None
    _client: Any = None
    _loading: anyio.Lock = field(default_factory=anyio.Lock)

    def turn(self, model: ModelSpec) -> AbstractAsyncContextManager[None]:
        """As the port says."""
        return self._traffic.turn(model)

    async def complete(self, question: Question) -> Completion:
        """As the port says."""
        library = await self._loaded()
        arguments = arguments_of(question, library)
        name = question.model.model
        try:
            with anyio.fail_after(question.model.timeout_s) as within:
                return await self._answered(question, library, arguments, within)
        except TimeoutError:
            raise ModelError(
                f"{name} did not answer within {question.model.timeout_s:g} seconds (timeout_s)"
            ) from None

    async def aclose(self) -> None:
        """As the port says."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def ceiling(self, question: Question) -> float | None:
        """As the port says: every byte of the question may be a token, and every token said."""
        prices = await self._prices(question.model)
        if prices is None:
            return None
        asked = sum(len(message.content.encode()) + _PER_MESSAGE for message in question.messages)
        return asked * prices[0] + question.model.max_tokens * prices[1]

    async def _answered(
        self,
        question: Question,
        library: Any,  # noqa: ANN401 - as litellm()
        arguments: dict[str, Any],
        within: anyio.CancelScope,
    ) -> Completion:
        for tried in range(1, _TRIES + 1):
            await self._traffic.slot(question.model, within)
            await self._traffic.door()
            began = anyio.current_time()
            try:
                answer = await library.acompletion(**alone(library, arguments, self._client))
            except Exception as error:  # noqa: BLE001 - litellm raises its own and its providers'
                found = trouble(error, question.model.model, library)
                if found.refused:
                    return Completion("", finish="content_filter")
                if not found.again or found.came or tried == _TRIES:
                    raise ModelError(found.told, fatal=found.fatal, lost=found.came) from None
                pause = max(_pause(tried), found.pause_s)
                if anyio.current_time() + pause >= within.deadline:
                    raise ModelError(found.told) from None
                await anyio.sleep(pause)
            else:
                latency_ms = (anyio.current_time() - began) * 1000
                return await self._completion(question.model, answer, latency_ms)
        raise AssertionError("the last try either answers or raises")

    async def _completion(
        self,
        model: ModelSpec,
        answer: Any,  # noqa: ANN401 - litellm's
        latency_ms: float,
    ) -> Completion:
        if not answer.choices:
            raise ModelError(f"{model.model} answered with nothing in it", lost=True)
        choice = answer.choices[0]
        usage = getattr(answer, "usage", None)
        asked, said = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        prices = None if asked is None or said is None else await self._prices(model)
        cost = None
        if prices is not None and asked is not None and said is not None:
            cost = asked * prices[0] + said * prices[1]
        return Completion(
            text=choice.message.content or "",
            finish=str(choice.finish_reason or "stop"),
            input_tokens=asked,
            output_tokens=said,
            cost_usd=cost,
            latency_ms=latency_ms,
        )

    async def _loaded(self) -> Any:  # noqa: ANN401 - as litellm()
        # To ask a thread each time would take as long as a good part of the question itself; and
        # of many first questions one loads.
        if self._library is None:
            async with self._loading:
                self._library = self._library or await to_thread.run_sync(litellm)
        # Kept between questions, and never from one event loop to the next.
        self._client = self._client or sender()
        return self._library

    async def _prices(self, model: ModelSpec) -> tuple[float, float] | None:
        """Dollars a token in and out; None where nobody knows."""
        if model.input_cost_per_token is not None and model.output_cost_per_token is not None:
            return model.input_cost_per_token, model.output_cost_per_token
        library = await self._loaded()
        try:
            asked, said = library.cost_per_token(
                model=model.model, prompt_tokens=1, completion_tokens=1
            )
        except Exception:  # noqa: BLE001 - whatever it raises, it does not know the price
            return None
        # A list that says nothing says zero.
        return (asked, said) if asked or said else None


def _pause(tried: int) -> float:
    # Spread out, so that questions that failed together do not come back together.
    return _FIRST_PAUSE_S * 2 ** (tried - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - a pause


def _count(usage: Any, name: str) -> int | None:  # noqa: ANN401 - a provider's
    value = getattr(usage, name, None)
    return value if isinstance(value, int) else None
