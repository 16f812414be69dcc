"""A person labels in a browser: the page is served for one sitting."""

import anyio

from regrade_server.cli.living import opened
from regrade_server.house import House
from regrade_tools.files.workspace import Workspace
from regrade_tools.labels.labelling import Answer, Criterion
from regrade_tools.labels.parts import known
from regrade_tools.labels.queue import Queue
from regrade_tools.labels.sitting import Sitting
from regrade_tools.traces.verbs import stored_trace


def serve(
    workspace: Workspace | None, criterion: Criterion, name: str, queue: Queue, port: int
) -> int:
    """Serve the page until the sitting ends; how many items were labelled.

    Raises:
        Refusal: The port is taken.
    """
    # Only here: no other way to label serves HTTP.
    from regrade_server import labelling_page  # noqa: PLC0415

    async def keep(answer: Answer) -> None:
        # The store is closed again while the person reads.
        await opened(
            House(workspace), lambda house: house.labelling.sign(criterion, [answer], name)
        )

    async def about(trace_id: str) -> dict[str, str]:
        return known(
            await opened(House(workspace), lambda house: stored_trace(house.store, trace_id))
        )

    desk = labelling_page.Desk(criterion, name, Sitting(queue), keep, about)
    return anyio.run(labelling_page.serve, desk, port)
