"""The page is served until the queue is done, the person leaves, or a signal comes."""

import os
import sys
import webbrowser

import anyio

from regrade_server.http import listening
from regrade_server.labelling_page.desk import Desk
from regrade_server.labelling_page.site import labelling_site

# The last item was answered: so long may the person still go back to it.
SECONDS_AT_THE_END = 120


async def serve(desk: Desk, port: int) -> int:
    """Serve ``desk`` at a port, 0 is any that is free; how many items were labelled.

    Raises:
        Refusal: The port is taken.
    """
    async with listening([labelling_site(desk, port)]) as ended, anyio.create_task_group() as group:
        if _has_desktop():
            group.start_soon(_open, ended.urls[0])
        group.start_soon(_wait, desk, group.cancel_scope)
        await ended.event.wait()
        group.cancel_scope.cancel()
    return len(desk.sitting.answers)


async def _wait(desk: Desk, whole: anyio.CancelScope) -> None:
    """Until the person leaves, or has answered the last and does not come back to it."""
    while not desk.left:
        patience = SECONDS_AT_THE_END if desk.sitting.item is None else None
        with anyio.move_on_after(patience) as waited:
            await desk.moved.wait()
        if waited.cancelled_caught:
            break
    whole.cancel()


async def _open(url: str) -> None:
    # Some browsers return when they are closed.
    await anyio.to_thread.run_sync(webbrowser.open, url, abandon_on_cancel=True)


def _has_desktop() -> bool:
    """Whether a browser that is started would show itself to the person at the terminal."""
    if "BROWSER" in os.environ:
        return True
    if "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )
