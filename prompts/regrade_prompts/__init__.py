"""What Regrade says to a model: one template a job, and the one way to fill it in."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent


def render(name: str, **values: object) -> str:
    """The text of template ``name`` with ``values`` filled in.

    Args:
        name: A file beside this one, without its ``.md``.
        values: What the template asks for. One that is missing is a bug, so it raises
            ``jinja2.UndefinedError`` instead of leaving a hole in what a model reads. A
            template that is given none is plain text.
    """
    if not values:
        return (_FOLDER / f"{name}.md").read_text(encoding="utf-8").strip()
    return _environment().get_template(f"{name}.md").render(**values).strip()


@cache
def _environment() -> "Environment":
    # Imported when the first template is filled: a server that lists its tools needs none.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415

    return Environment(
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # The reader is a model, not a browser: HTML escapes would only garble the text.
        autoescape=False,  # noqa: S701
    )
