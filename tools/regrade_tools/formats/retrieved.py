"""What a span retrieved, where its documents are told one by one and not as its output."""

import re
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from regrade_tools.texts.jsontext import unpacked

# How the attributes begin that OpenInference flattens documents into, of those that come out.
NAMES = ("retrieval.documents.", "reranker.output_documents.")
_FLAT = re.compile(r"(.+\.(\d{1,5}))\.document\.(id|content|score|metadata)")


def documents(found: Mapping[str, JsonValue], names: Iterable[str]) -> JsonValue:
    """The documents that the attributes ``names`` tell, in their order; None without any."""
    told: dict[tuple[str, int], dict[str, JsonValue]] = {}
    for name in names:
        part = _FLAT.fullmatch(name)
        if part and found[name] not in (None, ""):
            place = part[1].rpartition(".")[0], int(part[2])
            told.setdefault(place, {})[part[3]] = unpacked(found[name])
    return [told[place] for place in sorted(told)] if told else None
