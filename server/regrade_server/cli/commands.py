"""Which module holds which command: a command is not kept waiting for what all others need."""

from importlib import import_module

from regrade_server.cli.adding import Adder

_MODULES = {
    "first_commands": ("init", "demo", "schema", "guide"),
    "examining": ("doctor",),
    "installing": ("install",),
    "import_commands": ("import",),
    "suite_commands": ("import-suite", "check"),
    "input_commands": ("generate", "accept", "dimensions", "import-inputs"),
    "label_commands": ("labeller", "label"),
    "judge_commands": ("align",),
    "trace_commands": ("search", "summarize", "prune", "export"),
    "showing": ("show",),
    "run_commands": ("run", "gate"),
    "calling": ("call",),
}


def add_to(verb: Adder, command: str = "") -> None:
    """Add the commands of the module that holds ``command``, or of all where none does."""
    holding = [module for module, held in _MODULES.items() if command in held]
    for module in holding or _MODULES:
        import_module(f"regrade_server.cli.{module}").add_to(verb)
