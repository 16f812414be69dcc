"""The metadata of a trace, by key: ``meta.customer:acme``, and whose it is, as ``user:``.

A key inside another is written with a dot between; of a list each item is a value. Keys and
values are folded to lower case.
"""

from collections.abc import Collection, Iterator, Mapping

from pydantic import JsonValue

# How a facet of metadata begins in a query.
META = "meta."
# Under which keys readers of logs, or the logs themselves, keep the id of a user.
USER = ("user", "user_id", "userid", "user.id", "end_user", "enduser.id")


def keys(facet: str) -> tuple[str, ...]:
    """The keys of metadata that ``facet`` names; empty where it is none of metadata."""
    if facet == "user":
        return USER
    key = facet.removeprefix(META)
    return (key.casefold(),) if key and key != facet else ()


def facts(metadata: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Every key with its value."""
    # As it is searched as a word.
    return ((path, value.casefold()) for path, value in _facts("", dict(metadata)))


def users(metadata: Mapping[str, JsonValue]) -> Iterator[str]:
    """The ids of users in ``metadata``, as they were logged."""
    return (value for path, value in _facts("", dict(metadata)) if path in USER and value)


def _facts(path: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _facts(f"{path}.{key}" if path else key, item)
    elif isinstance(value, list):
        for item in value:
            yield from _facts(path, item)
    elif value is not None:
        yield path.casefold(), str(value)


def values(metadata: Mapping[str, JsonValue], wanted: Collection[str]) -> dict[str, None]:
    """What stands under one of the keys ``wanted``, each value once; the empty text is none."""
    return dict.fromkeys(value for key, value in facts(metadata) if key in wanted and value)
