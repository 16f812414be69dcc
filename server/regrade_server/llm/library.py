"""litellm, loaded when the first model is asked, and kept from everything it does unasked."""

import os
from functools import cache
from typing import Any

from regrade_server.importing import uncollected


@cache
def litellm() -> Any:  # noqa: ANN401 - the module; its types are partly unknown
    """The module. Takes seconds of CPU the first time: call it in a worker thread."""
    # Without these it fetches a price list and loads the nearest .env into the environment.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    # OpenAI's own library behind it costs more than all the rest of a question.
    os.environ["EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER"] = "True"
    with uncollected():
        import litellm as module  # noqa: PLC0415 - as the docstring says

        # It prints banners on stdout, which is the protocol's.
        module.suppress_debug_info = True
        module.drop_params = False
        setattr(module.main, "encoding", _Encoding())  # noqa: B010 - made by a __getattr__
        _warm(module)
    return module


class _Encoding:
    """The tokenizer that litellm hands to every provider, and that hardly any of them asks."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of litellm's
        from litellm._lazy_imports import get_default_encoding  # noqa: PLC0415 - 40 MB

        return getattr(get_default_encoding(), name)


def _warm(module: Any) -> None:  # noqa: ANN401 - as above
    """Ask nobody once: the first call loads a good deal more, which here keeps no loop waiting."""
    asked = [{"role": "user", "content": "-"}]
    module.completion(model="openai/-", messages=asked, api_key="-", mock_response="-")
