"""The command line: the same verbs as the tools, for people and for CI."""

import gc

# Importing makes hundreds of thousands of objects that all stay; collecting among them is
# a third of the time until a client is answered.
gc.disable()

from regrade_server.cli.main import main  # noqa: E402 - after the line above, on purpose

gc.enable()
gc.freeze()

__all__ = ["main"]
