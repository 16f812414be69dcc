"""A target: the program under test, as regrade.yaml declares it."""

import re
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag, model_validator

from regrade_tools.models.case import Name
from regrade_tools.models.document import Document
from regrade_tools.models.language_model import ModelSpec
from regrade_tools.models.policy import Profile
from regrade_tools.texts.selector import Place


def _sayable(text: str) -> str:
    """What can be said to an operating system."""
    if "\0" in text:
        raise ValueError("holds a NUL character, which no program can be given")
    return text


def _variable(name: str) -> str:
    if not name or "=" in name:
        raise ValueError("is no name of a variable")
    return _sayable(name)


def _address(url: str) -> str:
    """An address that can be asked, and told: whoever is let in is a matter of headers."""
    parts = urlsplit(url)
    # Reading the port is what checks it.
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("is no address such as http://127.0.0.1:8000/answer")
    if parts.username is not None:
        raise ValueError("holds a user; put what lets you in into a header")
    return _sayable(url)


Word = Annotated[str, AfterValidator(_sayable)]
Variable = Annotated[str, AfterValidator(_variable)]
Function = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
Address = Annotated[str, AfterValidator(_address)]
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
Seconds = Annotated[
    float, Field(gt=0, le=3600, description="Seconds one answer may take; 30 by default.")
]


def _within(pattern: str) -> str:
    """A pattern of paths within the workspace."""
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise ValueError("leads out of the workspace; it is a path from its root")
    return _sayable(pattern)


Files = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_within)]


class _Asked(Document):
    preprocess: Function | None = Field(
        default=None,
        description="`module:function` of the repository, called with the input of each case; the "
        "target is given what it returns. Assertions see the input as it is in the case.",
    )
    files: tuple[Files, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=50,
        description="The files that make up the program, such as `app/**` and `prompts/*.md`: a "
        "change of another one leaves its recordings and its interrupted runs what they are. By "
        "default every file of the repository counts that git does not ignore, but `evals/`.",
    )


class _Program(_Asked):
    timeout_s: Seconds = 30
    env: dict[Variable, Word] = Field(
        default_factory=dict[str, str], description="Variables added to the environment."
    )
    memory_mb: int | None = Field(
        default=None,
        gt=0,
        description="Megabytes one process may hold with its children before it is stopped (on "
        "Linux). By default all of them together may hold three quarters of the machine's.",
    )


class PythonTarget(_Program):
    """A function of the repository, called in a worker of the project's own interpreter."""

    python: Function = Field(
        description="`module:function`; the function takes the input and returns the output.",
    )
    returns: Literal["output", "reply"] | None = Field(
        default=None,
        description="What it returns: the `output`, whatever that is, or a whole `reply`, which is "
        "a dictionary of `output` and any of `tool_calls`, `context`, `tokens`, `cost_usd`, "
        "`latency_ms`, `ttft_ms`, `steps` and `errors`. By default a dictionary that holds "
        "`output` and another of these, and nothing else, is a reply, and all else is the output.",
    )
    interpreter: Word | None = Field(
        default=None,
        description="The Python that runs it. By default the workspace's .venv, else "
        "$VIRTUAL_ENV, else the Python that runs Regrade.",
    )


class CommandTarget(_Program):
    """A program that answers JSON lines on stdout for JSON lines on stdin."""

    command: tuple[Word, ...] = Field(
        min_length=1, description="The program and its arguments; no shell is involved."
    )


# What a header names of the environment.
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Endpoint(Document):
    """Where a program answers over HTTP, and how it is asked."""

    url: Address = Field(
        description="Is sent {id, input} as JSON by POST; answers {output} or {error} as JSON. "
        "`body` and `output` say it of a program with a form of its own."
    )
    body: dict[str, JsonValue] | list[JsonValue] | None = Field(
        default=None,
        description="What is sent instead, as JSON: texts are templates, in which `{{ input }}` is "
        "the input of the case and, where that is an object, each of its fields has its name. A "
        "text that is one expression keeps the type of its value.",
    )
    output: Place | None = Field(
        default=None,
        description="Where in its answer the output stands, such as `choices.0.message.content`; "
        "the empty text is all of it, which then may be text. By default it answers {output} or "
        "{error}.",
    )
    tokens: Place | None = Field(
        default=None, description="Where, with `output`, its tokens stand: `usage.total_tokens`."
    )
    cost_usd: Place | None = Field(default=None, description="And where its cost stands.")
    tool_calls: Place | None = Field(
        default=None,
        description="And where its calls of tools stand, in OpenAI's form or as `{name, "
        "arguments}`: `choices.0.message.tool_calls`.",
    )
    headers: dict[Header, str] = Field(
        default_factory=dict[str, str],
        description="Headers that are added. `${NAME}` stands for a variable of the environment, "
        "read when a run starts and never stored or shown: keys belong there.",
    )
    timeout_s: Seconds = 30

    @model_validator(mode="after")
    def _says_where_all_is(self) -> "Endpoint":
        if self.output is None and (self.tokens or self.cost_usd or self.tool_calls):
            raise ValueError("say with `output`, too, where the output stands")
        return self


class HttpTarget(_Asked):
    """A program that is running already and answers over HTTP."""

    http: Endpoint


class McpTool(Document):
    """A tool of an MCP server that is started for a run, and how it is called."""

    command: tuple[Word, ...] = Field(
        min_length=1, description="The server's program and its arguments; it speaks on stdio."
    )
    tool: str = Field(min_length=1, description="The name of the tool.")
    arguments: dict[str, JsonValue] | None = Field(
        default=None,
        description="What it is called with: texts are templates, in which `{{ input }}` is the "
        "input of the case and, where that is an object, each of its fields has its name. By "
        "default an input that is an object, else `{input: ...}`.",
    )
    timeout_s: Seconds = 30
    env: dict[Variable, Word] = Field(
        default_factory=dict[str, str], description="Variables added to the environment."
    )


class McpTarget(_Asked):
    """A tool of another MCP server."""

    mcp: McpTool


class PromptTarget(Document):
    """A prompt of the repository, and the model that is asked with it."""

    prompt: Word = Field(
        min_length=1,
        description="A file of the repository: a Jinja2 template in which `{{ input }}` is the "
        "input of the case and, where that is an object, each of its fields has its name. The "
        "model is asked with it; before a list of chat messages it is the system message.",
    )
    model: str = Field(
        min_length=1, description="A model of regrade.yaml, or a litellm name: openai/gpt-4o-mini."
    )
    system: Word | None = Field(
        default=None, description="Another such file, for the system message."
    )


class RecordedTarget(Document):
    """No program at all: what is stored is scored."""

    recorded: Literal["filed", "corrected", "latest"] = Field(
        description="`filed`: the output the case was filed with. `corrected`: its corrected "
        "output. `latest`: the newest stored trace that was given the same input."
    )


_KEYS = ("python", "command", "http", "mcp", "prompt", "recorded")


def _kind(value: Any) -> str | None:  # noqa: ANN401 - pydantic hands over whatever the file held
    for key in _KEYS:
        if (isinstance(value, dict) and key in value) or hasattr(cast("object", value), key):
            return key
    return None


TargetSpec = Annotated[
    Annotated[PythonTarget, Tag("python")]
    | Annotated[CommandTarget, Tag("command")]
    | Annotated[HttpTarget, Tag("http")]
    | Annotated[McpTarget, Tag("mcp")]
    | Annotated[PromptTarget, Tag("prompt")]
    | Annotated[RecordedTarget, Tag("recorded")],
    Discriminator(
        _kind,
        custom_error_type="target_kind",
        custom_error_message=f"a target has one of the keys {', '.join(_KEYS)}",
    ),
]


class Project(Document):
    """The file evals/regrade.yaml."""

    targets: dict[Name, TargetSpec] = Field(default_factory=dict[str, TargetSpec])
    models: dict[Name, ModelSpec] = Field(
        default_factory=dict[str, ModelSpec],
        description="Language models, by the name under which judges and generators ask for them.",
    )
    profiles: dict[Name, Profile] = Field(
        default_factory=dict[str, Profile],
        description="How `regrade gate --profile` asks: over the built-in smoke, pr, release and "
        "nightly, or new ones.",
    )
    labels: Literal["shared", "local"] = Field(
        default="shared",
        description="`local` keeps labels out of the repository, in .regrade/labels/.",
    )
    import_from: tuple[str, ...] = Field(
        default=(),
        description="Folders outside the workspace that `import_traces` may read, too.",
    )
    redact: dict[Name, str] = Field(
        default_factory=dict[str, str],
        description="More to replace before anything is stored: a name and a regular expression.",
    )
