"""From the body of a request to traces that are stored, durably, before it is answered."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import anyio
from anyio import CapacityLimiter, to_thread

from regrade_server.otlp.answers import PROTOBUF, Encoding
from regrade_server.otlp.body import Room, Share, unpacked
from regrade_tools.files.workspace import Workspace
from regrade_tools.formats import protobuf
from regrade_tools.formats.protobuf import Signal
from regrade_tools.formats.source import parsed
from regrade_tools.models import Trace
from regrade_tools.refusal import Refusal
from regrade_tools.secrets.redaction import redaction_of
from regrade_tools.traces.receiving import Received, Sampling, received
from regrade_tools.traces.store import TraceStore

_MOST_VALUES = 1_000_000


class Sent(NamedTuple):
    """How the body of a request was sent, and of what."""

    signal: Signal
    encoding: Encoding
    packing: str


@dataclass(slots=True)
class Waiting:
    """The traces of a request that are to be stored, and what came of it."""

    traces: Sequence[Trace]
    done: bool = False
    problem: Exception | None = None


@dataclass(slots=True)
class Intake:
    """Reads requests one after another, and stores those that wait in one transaction.

    ``waiting`` are those that are read and not being stored yet; ``room`` is for all of them.
    ``kept`` counts the traces that were new.
    """

    store: TraceStore
    workspace: Workspace
    sampling: Sampling = field(default_factory=Sampling)
    room: Room = field(default_factory=Room)
    waiting: list[Waiting] = field(default_factory=list[Waiting])
    kept: int = 0
    _storing: anyio.Lock = field(default_factory=anyio.Lock)
    _reading: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))

    async def take(self, body: bytes, sent: Sent, share: Share) -> Received:
        """What is kept of a request; on return it is durable.

        While one is stored the next is read.

        Raises:
            ValueError: It is no export.
            TooLargeError: It is too large.
            FullError: There is no room for it.
            Refusal: Nothing can be stored at present.
        """
        plain = await to_thread.run_sync(unpacked, body, sent.packing, limiter=self._reading)
        share.take(len(plain))
        found = await to_thread.run_sync(self._read, plain, sent, limiter=self._reading)
        if found.traces:
            await self._keep(found.traces)
        return found

    def _read(self, body: bytes, sent: Sent) -> Received:
        binary = sent.encoding == PROTOBUF
        request = protobuf.request(body, sent.signal) if binary else parsed(body, _MOST_VALUES)
        if not isinstance(request, dict):
            raise ValueError("is no JSON object")  # noqa: TRY004 - told as every other bad body
        # Patterns are read anew each time: one that was added counts from then on.
        return received(request, redaction_of(self.workspace), self.sampling)

    async def _keep(self, traces: Sequence[Trace]) -> None:
        """Store ``traces``: whoever comes first stores what all who wait have brought."""
        mine = Waiting(traces)
        self.waiting.append(mine)
        async with self._storing:
            if not mine.done:
                together, self.waiting = self.waiting, []
                # Others wait for it, whatever becomes of this request.
                with anyio.CancelScope(shield=True):
                    await self._store(together)
        if mine.problem is not None:
            raise mine.problem

    async def _store(self, together: Sequence[Waiting]) -> None:
        problem: Exception | None = None
        try:
            found = await self.store.append([trace for one in together for trace in one.traces])
            self.kept += found.stored
        except Exception as error:  # noqa: BLE001 - told to whose traces they are
            problem = error
        if problem is not None and not isinstance(problem, Refusal) and len(together) > 1:
            # What is wrong with one must not take the others with it.
            for one in together:
                await self._store([one])
            return
        for one in together:
            one.done, one.problem = True, problem
