"""The command line: the same verbs as the tools, for people and for CI."""

from regrade_server.importing import uncollected

with uncollected():
    from regrade_server.cli.main import main

__all__ = ["main"]
