"""Templates of the repository, on Jinja2's sandbox: what is filled in is only ever data."""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template


@lru_cache(maxsize=64)
def template(text: str) -> "Template":
    """The template that ``text`` is; a name that it is not given is an error, never a hole.

    Raises:
        jinja2.TemplateError: It is none.
    """
    # Imported with the first template: a server that lists its tools fills in nothing.
    from jinja2 import StrictUndefined  # noqa: PLC0415
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415

    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=False
    ).from_string(text)
