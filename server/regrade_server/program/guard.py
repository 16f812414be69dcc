"""Our side of the warden: started for each run, told what it would have to end."""

import secrets
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import anyio
from anyio.abc import Process

from regrade_server.program import warden


@dataclass(frozen=True, slots=True)
class Guard:
    """The warden of this run, and the mark by which it knows what belongs to the run."""

    process: Process
    mark: str

    async def tell(self, sign: str, leader: int) -> None:
        """``+`` for a session that begins, ``-`` for one that has been ended."""
        # Without a warden only what we leave behind if we are killed stays behind.
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            if self.process.stdin is not None:
                await self.process.stdin.send(f"{sign}{leader}\n".encode())


@asynccontextmanager
async def guarded() -> AsyncGenerator[Guard, None]:
    """A warden that lives as long as the context, or as long as it takes once we are killed."""
    mark = f"REGRADE_RUN_{secrets.token_hex(8)}"
    # A session of its own: what ends ours, such as Ctrl-C, must not end it, too.
    async with await anyio.open_process(
        [sys.executable, "-I", "-S", warden.__file__, mark],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield Guard(process, mark)
        finally:
            # We are alive and have stopped everything ourselves. A process that is killed twice
            # before it was waited for, as one that is left while cancelled, is nobody's child.
            with anyio.CancelScope(shield=True):
                process.kill()
                await process.wait()
