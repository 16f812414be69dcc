"""Every command with what it does, by the module that holds it.

A module is loaded for its own commands alone: none is kept waiting for what all others need, and
neither is who asks which there are.
"""

from importlib import import_module

from regrade_server.cli.adding import Adder

_HELD_BY = {
    "first_commands": {
        "init": "write a first evals/ folder; no file that exists is touched",
        "demo": "go through the whole loop on an example, in a scratch folder",
        "schema": "print the JSON Schema of a file",
        "guide": "print a guide, such as of all assertions",
    },
    "examining": {
        "doctor": "say what is wrong and how to mend it: exit 2, or 3 for damage",
    },
    "installing": {
        "install": "add this server to the configuration of a client",
    },
    "import_commands": {
        "import": "import logs: files, folders, globs, or - for standard input",
    },
    "suite_commands": {
        "import-suite": "import a suite of promptfoo or pydantic-evals",
        "check": "check rows of data: exit 1 where some fail",
    },
    "input_commands": {
        "generate": "make distinct test inputs for a suite, as candidates",
        "accept": "make cases of candidates that you have read",
        "dimensions": "propose dimensions and style of inputs",
        "import-inputs": "score inputs of a file; make candidates of them",
    },
    "label_commands": {
        "labeller": "make your key and add yourself to evals/labellers.yaml",
        "label": "label answers by a criterion, at a terminal; you sign each",
    },
    "judge_commands": {
        "align": "measure a judge: exit 1 where test does not show it aligned, 3 where nothing "
        "was said",
    },
    "trace_commands": {
        "search": "search the traces",
        "summarize": "count traces, by a facet or against a baseline",
        "prune": "remove traces for good; by default what labels or cases name stays",
        "export": "write traces out: as they are, as a table, or to train with",
    },
    "showing": {
        "show": "show a trace, a run or a case, by its id",
    },
    "run_commands": {
        "run": "run a suite: exit 1 where cases fail, 3 where some are errored",
        "gate": "exit 0 where a change may ship, 1 where not, 3 undecided",
    },
    "compare_commands": {
        "compare": "hold several targets of a suite, or several runs, side by side",
    },
    "calling": {
        "call": "call any MCP tool, as a scripted client would",
    },
}
COMMANDS = {name: told for held in _HELD_BY.values() for name, told in held.items()}


def add_to(verb: Adder, command: str) -> None:
    """Add the commands of the module that holds ``command``."""
    module = next(module for module, held in _HELD_BY.items() if command in held)
    import_module(f"regrade_server.cli.{module}").add_to(verb)
