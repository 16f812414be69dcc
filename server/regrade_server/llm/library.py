"""litellm, loaded when the first model is asked, and kept from everything it does unasked."""

import os
from functools import cache
from typing import Any


@cache
def litellm() -> Any:  # noqa: ANN401 - the module; its types are partly unknown
    """The module. Takes seconds of CPU the first time: call it in a worker thread."""
    # Without these it fetches a price list and loads the nearest .env into the environment.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    import litellm as module  # noqa: PLC0415 - as the docstring says

    # It prints banners on stdout, which is the protocol's.
    module.suppress_debug_info = True
    module.drop_params = False
    _warm(module)
    return module


def _warm(module: Any) -> None:  # noqa: ANN401 - as above
    """Ask nobody once: the first call loads a good deal more, which here keeps no loop waiting."""
    asked = [{"role": "user", "content": "-"}]
    module.completion(model="openai/-", messages=asked, api_key="-", mock_response="-")
