"""The command line: the same verbs as the tools, for people and for CI."""

from regrade_server.importing import uncollected

try:
    with uncollected():
        from regrade_server.cli.main import main
except KeyboardInterrupt:
    # Nothing has begun yet that could be told. As a shell counts it: see ``main``.
    raise SystemExit(130) from None

__all__ = ["main"]
