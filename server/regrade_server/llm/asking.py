"""A question -> the arguments of litellm, with which it sends it once and does nothing else."""

import os
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import Any, Never
from uuid import uuid4

from regrade_tools.models import ModelError, ModelSpec, Question

# Asked over plain HTTP like those that speak as OpenAI does; Azure has a client of its own.
_PLAIN = frozenset({"openai", "anthropic", "gemini", "mistral"})


def arguments_of(question: Question, library: Any) -> dict[str, Any]:  # noqa: ANN401 - as litellm()
    """The arguments of ``acompletion`` that a question comes to.

    Raises:
        ModelError: The key of the model is not set.
    """
    model = question.model
    arguments: dict[str, Any] = {
        "model": model.model,
        "messages": [
            {"role": message.role, "content": message.content} for message in question.messages
        ],
        "temperature": model.temperature,
        "max_tokens": model.max_tokens,
        "timeout": model.timeout_s,
        # The tries are ours: litellm's are not told apart from each other.
        "max_retries": 0,
        "num_retries": 0,
    }
    if question.answer_schema is not None:
        arguments["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": question.answer_schema},
        }
    if question.seed is not None:
        arguments["seed"] = question.seed
    if model.api_base is not None:
        arguments["api_base"] = model.api_base
    key = _key(model, library)
    return arguments | ({"api_key": key} if key else {})


def _key(model: ModelSpec, library: Any) -> str | None:  # noqa: ANN401 - as litellm()
    """The key of an endpoint, found before anything is asked."""
    if model.api_key_env is not None:
        key = os.environ.get(model.api_key_env)
        if not key:
            raise _keyless(model, model.api_key_env)
        return key
    if model.api_base is not None:
        # An own endpoint may want none, and the client insists on one.
        return "none"
    missing: list[str] = library.validate_environment(model=model.model)["missing_keys"]
    if missing:
        raise _keyless(model, missing[0])
    return None


def _keyless(model: ModelSpec, variable: str) -> ModelError:
    return ModelError(f"set {variable}: it holds the key of {model.model}", fatal=True)


def alone(library: Any, asked: dict[str, Any], client: Any) -> dict[str, Any]:  # noqa: ANN401 - litellm() and sender()
    """The arguments of ``acompletion``: ``asked``, and what keeps that from doing more."""
    model, base = asked["model"], asked.get("api_base")
    log = _unlogged()(
        model=model,
        messages=asked["messages"],
        stream=False,
        call_type="acompletion",
        start_time=datetime.now(),  # noqa: DTZ005 - as litellm's own, from which it is taken
        litellm_call_id=str(uuid4()),
        function_id="",
    )
    log.update_environment_variables(
        model=model, user="", optional_params={}, litellm_params={"api_base": base or ""}
    )
    told = asked | {"litellm_logging_obj": log}
    provider = _provider(library, model, base)
    if _is_unknown(library, model, provider):
        name, _, key, base = library.get_llm_provider(model=model, api_base=base)
        told |= {"model": name, "custom_llm_provider": "openai", "api_base": base}
        told |= {} if "api_key" in asked else {"api_key": key}
    return told | ({"client": client} if provider in _plain(library) else {})


@cache
def _plain(library: Any) -> frozenset[str]:  # noqa: ANN401 - litellm()
    as_openai: list[str] = library.openai_compatible_providers
    return _PLAIN.union(name for name in as_openai if not name.startswith("azure"))


@cache
def _provider(library: Any, model: str, base: str | None) -> str:  # noqa: ANN401 - litellm()
    try:
        return library.get_llm_provider(model=model, api_base=base)[1]
    except library.exceptions.BadRequestError:
        # The question itself will say that there is no such provider.
        return ""


@cache
def _is_unknown(library: Any, model: str, provider: str) -> bool:  # noqa: ANN401 - litellm()
    """Of some that speak as OpenAI does litellm knows where they are, and no more than that."""
    if provider not in library.openai_compatible_providers:
        return False
    kind = library.LlmProviders(provider)
    return library.ProviderConfigManager.get_provider_chat_config(model, kind) is None


@cache
def _unlogged() -> Any:  # noqa: ANN401 - a class of litellm's
    module: Any = import_module("litellm.litellm_core_utils.litellm_logging")

    class Unlogged(module.Logging):
        """Neither prices an answer, which is done here, nor hands it to those who are told."""

        def response_cost_calculator(self, *_: object, **__: object) -> None:
            pass

        def claim_async_success_log(self) -> bool:
            return False

    return Unlogged


def sender() -> Any:  # noqa: ANN401 - of litellm's
    """Connections that are kept from one question to the next, until they are closed."""
    return _sending()()


@cache
def _sending() -> Any:  # noqa: ANN401 - a class of litellm's
    module: Any = import_module("litellm.llms.custom_httpx.http_handler")

    class Sender(module.AsyncHTTPHandler):
        """Sends each question once: one whose answer was lost may be paid already."""

        async def single_connection_post_request(self, *_: object, **__: object) -> Never:
            raise  # noqa: PLE0704 - called where the loss is handled

    return Sender
