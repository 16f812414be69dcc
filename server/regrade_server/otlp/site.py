"""The receiver at an address, with a store of its own."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from regrade_server.house import House
from regrade_server.http import Address, Site, guarded
from regrade_server.http.tokens import Tokens
from regrade_server.otlp.intake import Intake
from regrade_server.otlp.receiver import PATH, receiver
from regrade_tools.files.workspace import Workspace
from regrade_tools.refusal import Refusal
from regrade_tools.texts.plaintext import counted
from regrade_tools.traces.receiving import Sampling

# Programs send as often as they like, and are told to wait when too much of it waits to be
# stored; who guesses tokens is slowed down.
_PER_MINUTE = 60_000


def otlp_site(workspace: Workspace, address: Address, tokens: Tokens, share: float) -> Site:
    """The receiver of ``workspace``, which keeps a ``share`` of the traces.

    Raises:
        Refusal: The share is none, or others could send and no token is asked for.
    """
    if not 0 <= share <= 1:
        raise Refusal(
            f"--otlp-sample is {share:g}; it is 0 to 1.",
            next_step="Such as 0.1 for a tenth of the traces, and all that have errors.",
        )
    house = House(workspace)

    @asynccontextmanager
    async def open_store(_: Starlette) -> AsyncGenerator[None, None]:
        async with house.open():
            yield
        sys.stderr.write(f"regrade: {counted(intake.kept, 'new trace')} kept\n")

    intake = Intake(house.store, workspace, Sampling(share))
    app = receiver(intake, open_store)
    inner = guarded(app, address, tokens, _PER_MINUTE)
    return Site(inner, address, PATH, "listening for traces on")
