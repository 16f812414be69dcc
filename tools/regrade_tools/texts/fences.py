"""Text of a trace or a model inside a prompt: marked as data, so that it cannot instruct."""

from hashlib import sha256

from pydantic import JsonValue

from regrade_tools.texts.jsontext import compact


def fenced(name: str, value: JsonValue) -> str:
    """``value`` between marks that it cannot hold itself.

    The mark is a hash of what it encloses: a text would have to contain its own hash to end
    its fence. It is the same on every machine, so that what was asked can be looked up.
    """
    text = value if isinstance(value, str) else compact(value)
    mark = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"<{name} {mark}>\n{text}\n</{name} {mark}>"
