"""The first commands: a folder to begin with, the loop on an example, and what files may hold."""

from argparse import Namespace

from regrade_server.cli.adding import Adder
from regrade_server.cli.console import Console
from regrade_server.protocol.addresses import GUIDES, SCHEMAS
from regrade_tools.files.starting import NEXT_STEP, initialise
from regrade_tools.files.workspace import Workspace
from regrade_tools.refusal import Refusal, unknown


def add_to(verb: Adder) -> None:
    """Add the commands."""
    verb("init", init)
    demo_parser = verb("demo", demo)
    demo_parser.add_argument("--keep", metavar="FOLDER", help="copy the example here; not to exist")
    schema_parser = verb("schema", schema)
    schema_parser.add_argument("kind", help=", ".join(SCHEMAS))
    guide_parser = verb("guide", guide)
    guide_parser.add_argument("topic", nargs="?", default="start", help=", ".join(GUIDES))


def init(_told: Namespace, workspace: Workspace | None, console: Console) -> int:
    """Write a first suite."""
    if workspace is None:
        raise Refusal("There is no repository here.", next_step="Run `git init`, or pass --root.")
    written = initialise(workspace)
    listed = "\n".join(f"  {path}" for path in written) or "  nothing: it is all there"
    console.result(
        {"written": written, "next_step": NEXT_STEP},
        f"Written in {workspace.root}:\n{listed}\n{NEXT_STEP}",
    )
    return 0


def demo(told: Namespace, _workspace: Workspace | None, console: Console) -> int:
    """Show the whole loop."""
    # Only here: it brings the example along.
    from regrade_server.demo import show  # noqa: PLC0415

    return show(told.keep, console)


def guide(told: Namespace, _workspace: Workspace | None, console: Console) -> int:
    """Print a guide, as agents read it."""
    # Only here: it brings the templates along.
    from regrade_server.protocol import texts  # noqa: PLC0415

    text = texts.guide(told.topic)
    console.result({"topic": told.topic, "text": text}, text)
    return 0


def schema(told: Namespace, _workspace: Workspace | None, console: Console) -> int:
    """Print a schema."""
    if told.kind not in SCHEMAS:
        raise unknown("schema", told.kind, SCHEMAS)
    # Only here: it brings every kind of file along.
    from regrade_tools.files import published  # noqa: PLC0415

    console.data(published.SCHEMAS[told.kind]())
    return 0
