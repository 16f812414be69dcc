"""The environment of a program that is evaluated: this one's, and what the project adds."""

import os
from collections.abc import Mapping

# As OpenTelemetry's SDKs read it; the receiver makes a tag of it, by which the traces of
# evaluations are told from those of users.
_ATTRIBUTES, _EVALUATED = "OTEL_RESOURCE_ATTRIBUTES", "regrade.evaluated=true"


def environment(added: Mapping[str, str], mark: str) -> dict[str, str]:
    """It with a variable ``mark``, by which a process is found again."""
    whole = {**os.environ, **added, mark: ""}
    told = [whole[_ATTRIBUTES]] if whole.get(_ATTRIBUTES) else []
    return {**whole, _ATTRIBUTES: ",".join([*told, _EVALUATED])}
