"""A target: the program under test, as regrade.yaml declares it."""

from typing import Annotated, Any, Literal, cast

from pydantic import Discriminator, Field, Tag

from regrade_tools.models.case import Name
from regrade_tools.models.document import Document


class _Program(Document):
    timeout_s: float = Field(
        default=30, gt=0, le=3600, description="Seconds one answer may take; 30 by default."
    )
    env: dict[str, str] = Field(
        default_factory=dict[str, str], description="Variables added to the environment."
    )


class PythonTarget(_Program):
    """A function of the repository, called in a worker of the project's own interpreter."""

    python: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="`module:function`; the function takes the input and returns the output.",
    )
    interpreter: str | None = Field(
        default=None,
        description="The Python that runs it. By default the workspace's .venv, else "
        "$VIRTUAL_ENV, else the Python that runs Regrade.",
    )


class CommandTarget(_Program):
    """A program that answers JSON lines on stdout for JSON lines on stdin."""

    command: tuple[str, ...] = Field(
        min_length=1, description="The program and its arguments; no shell is involved."
    )


class RecordedTarget(Document):
    """No program at all: what is stored is scored."""

    recorded: Literal["filed", "corrected", "latest"] = Field(
        description="`filed`: the output the case was filed with. `corrected`: its corrected "
        "output. `latest`: the newest stored trace that was given the same input."
    )


def _kind(value: Any) -> str | None:  # noqa: ANN401 - pydantic hands over whatever the file held
    for key in ("python", "command", "recorded"):
        if (isinstance(value, dict) and key in value) or hasattr(cast("object", value), key):
            return key
    return None


TargetSpec = Annotated[
    Annotated[PythonTarget, Tag("python")]
    | Annotated[CommandTarget, Tag("command")]
    | Annotated[RecordedTarget, Tag("recorded")],
    Discriminator(
        _kind,
        custom_error_type="target_kind",
        custom_error_message="a target has one of the keys python, command, recorded",
    ),
]


class Project(Document):
    """The file evals/regrade.yaml."""

    targets: dict[Name, TargetSpec] = Field(default_factory=dict[str, TargetSpec])
    import_from: tuple[str, ...] = Field(
        default=(),
        description="Folders outside the workspace that `import_traces` may read, too.",
    )
    redact: dict[Name, str] = Field(
        default_factory=dict[str, str],
        description="More to replace before anything is stored: a name and a regular expression.",
    )
