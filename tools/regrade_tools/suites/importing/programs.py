"""The prompts and providers of promptfoo -> prompts and models of ours, asked as targets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from regrade_tools.files.templates import named_in
from regrade_tools.suites.importing.conversion import LeftOut, PromptDraft, UnsupportedError, shown
from regrade_tools.suites.importing.source import Source

# The first word of a provider, and what litellm calls it.
_SERVICES = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "vertex": "vertex_ai",
    "mistral": "mistral",
    "groq": "groq",
    "deepseek": "deepseek",
    "xai": "xai",
    "cohere": "cohere",
    "ollama": "ollama_chat",
    "openrouter": "openrouter",
    "togetherai": "together_ai",
    "bedrock": "bedrock",
}
# How a service is asked is no part of a model's name.
_WAYS = ("chat", "messages", "completion", "completions", "responses")
_PROGRAM = "exec:"
_TEXTS = (".txt", ".md", ".j2", ".njk")
_PART = re.compile(r"^---[ \t]*$", re.MULTILINE)
# Here ``input`` is all that a case gives; there it is a variable like any other.
_INPUT = re.compile(r"\{\{(-?\s*)input(?=\s*-?(?:\}\}|\|))")
_MESSAGES = "it is a list of messages: a prompt target has a file for `system` and one for `prompt`"
_NO_MODEL = "it is no model that litellm has by this name; name one under a target"


# What a provider that is no model begins with, and what it is to be declared as.
_OTHERS = (
    (
        re.compile(r"(python:|file://.*\.py\b|.*\.py(:\w+)?$)"),
        (
            "it is a function in Python: declare a target `python: module:function`, of one that "
            "takes the variables, asks it with the prompt and returns its output"
        ),
    ),
    (
        re.compile(r"(exec:|golang:|ruby:)"),
        (
            "it is a program: declare a target `command: [program, argument]`, which reads a line "
            "of JSON for each case and answers one"
        ),
    ),
    (
        re.compile(r"(https?:|webhook:)"),
        "it answers over HTTP: declare a target `http: {url: ..., body: {...}, output: PLACE}`",
    ),
    (
        re.compile(r"(file://|.*\.[cm]?[jt]s$)"),
        (
            "it is code in JavaScript or a file of providers: declare what it starts as a target "
            "`command` or `http`"
        ),
    ),
    (re.compile(r"(echo|promptfoo:)"), "it asks nobody: name a target that answers"),
)


@dataclass(frozen=True, slots=True)
class Programs:
    """What answers: prompts, the models that are asked with each, and what was left out."""

    prompts: tuple[PromptDraft, ...]
    models: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def programs(prompts: JsonValue, providers: JsonValue, source: Source) -> Programs:
    """The prompts and models of a configuration."""
    found: list[PromptDraft] = []
    models: dict[str, None] = {}
    left_out: list[LeftOut] = []
    for item in _listed(prompts):
        try:
            found.extend(PromptDraft(text) for text in _texts(item, source))
        except UnsupportedError as problem:
            left_out.append(_lost("prompt", item, str(problem)))
    for item in _listed(providers):
        name = model(item)
        if name:
            models[name] = None
        else:
            left_out.append(_lost("provider", item, _instead(item)))
        if name and isinstance(item, dict) and item.get("config"):
            why = "declare the model under `models` in evals/regrade.yaml, with its settings"
            left_out.append(_lost("config", item["config"], why))
    if not models:
        why = "none of the providers is a model that could be asked with it"
        left_out.extend(_lost("prompt", prompt.text, why) for prompt in found)
        found = []
    elif not found:
        left_out.extend(
            _lost("provider", name, "no prompt is left to ask it with") for name in models
        )
        models = {}
    return Programs(tuple(found), tuple(models), tuple(left_out))


def model(provider: JsonValue) -> str:
    """What litellm calls a provider such as ``openai:chat:gpt-4o``; empty where it has no name."""
    told = provider.get("id") if isinstance(provider, dict) else provider
    service, *words = str(told or "").split(":")
    if words and words[0] in _WAYS:
        words = words[1:]
    known = _SERVICES.get(service)
    name = ":".join(words)
    return f"{known}/{name}" if known and re.fullmatch(r"[\w./:@-]+", name) else ""


def _instead(provider: JsonValue) -> str:
    """What a provider that is no model known here is, and how to declare it."""
    told = str(provider.get("id") if isinstance(provider, dict) else provider)
    return next((why for begins, why in _OTHERS if begins.match(told)), _NO_MODEL)


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _texts(item: JsonValue, source: Source) -> Iterator[str]:
    told = (item.get("raw") or item.get("id")) if isinstance(item, dict) else item
    if not isinstance(told, str) or not told.strip():
        raise UnsupportedError("it has no text")
    name = told.strip()
    if name.startswith(_PROGRAM):
        raise UnsupportedError("it is a program, which an import does not run")
    if not _is_file(name):
        yield _template(told)
        return
    for path in source.paths(name):
        text = source.text(str(path))
        if path.suffix not in _TEXTS:
            raise UnsupportedError(_MESSAGES)
        # promptfoo takes what stands between lines of three dashes for a prompt each.
        yield from (_template(part) for part in _PART.split(text) if part.strip())


def _is_file(name: str) -> bool:
    if "\n" in name or "{{" in name:
        return False
    kinds = r"\.(txt|md|j2|njk|json|jsonl|ya?ml|csv|py|[cm]?[jt]s|rb)(:\w+)?"
    return name.startswith("file://") or re.search(rf"\S{kinds}$", name) is not None


def _template(text: str) -> str:
    """``text`` where it is a template of ours, too."""
    told = _INPUT.sub(r"{{\1input.input", text.strip())
    if told.startswith("["):
        raise UnsupportedError(_MESSAGES)
    try:
        names = named_in(told)
    except ValueError as problem:
        raise UnsupportedError(f"it is no template of Jinja2: {problem}") from None
    if "env" in names:
        raise UnsupportedError("it names variables of the environment, which no prompt is given")
    return f"{told}\n"


def _lost(what: str, item: JsonValue, why: str) -> LeftOut:
    return LeftOut("the configuration", f"{what} {shown(item)}", why)
