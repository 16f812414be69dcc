"""What the page asks for, and what it is answered."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from regrade_server.http import Address, Site
from regrade_server.http.patience import PromptBodies
from regrade_server.labelling_page.desk import Desk, Move
from regrade_server.labelling_page.door import Door, Passes
from regrade_tools.refusal import Refusal

# More than a critique takes, in whichever letters.
_LARGEST_BODY = 64 * 1024
_FILES = Path(__file__).parent
_KINDS = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
Handler = Callable[[Request], Awaitable[Response]]


class Key(BaseModel):
    """What the address of the terminal holds."""

    model_config = ConfigDict(extra="forbid")

    secret: str


class Place(BaseModel):
    """From which character on a part of an item is asked for."""

    model_config = ConfigDict(extra="forbid")

    place: int
    part: int
    at: int


@dataclass(frozen=True, slots=True)
class _Answers:
    """What each request of the page is answered."""

    desk: Desk
    passes: Passes

    async def enter(self, request: Request) -> Response:
        key = Key.model_validate_json(await request.body())
        given = self.passes.exchanged(key.secret)
        if given is None:
            told = "This address was opened before, or is of another sitting."
            return JSONResponse({"error": told}, 403)
        return JSONResponse({"pass": given})

    async def item(self, _: Request) -> Response:
        return JSONResponse(self.desk.seen())

    async def move(self, request: Request) -> Response:
        try:
            await self.desk.move(Move.model_validate_json(await request.body()))
        except Refusal as refusal:
            told = f"{refusal.problem} {refusal.next_step or ''}".strip()
            return JSONResponse({"error": told, "seen": self.desk.seen()}, 409)
        return JSONResponse(self.desk.seen())

    async def rest(self, request: Request) -> Response:
        asked = Place.model_validate(dict(request.query_params))
        return JSONResponse(self.desk.rest(asked.place, asked.part, asked.at))

    async def about(self, _: Request) -> Response:
        return JSONResponse(await self.desk.facts())

    async def leave(self, _: Request) -> Response:
        self.desk.leave()
        return JSONResponse({"labelled": len(self.desk.sitting.answers)})


def labelling_site(desk: Desk, port: int) -> Site:
    """The page of ``desk`` at a port of this machine, and the address that opens it, once."""
    passes = Passes()
    answers = _Answers(desk, passes)
    routes = [
        Route("/", _file("page.html")),
        Route("/page.css", _file("page.css")),
        Route("/page.js", _file("page.js")),
        Route("/enter", answers.enter, methods=["POST"]),
        Route("/item", answers.item),
        Route("/move", answers.move, methods=["POST"]),
        Route("/rest", answers.rest),
        Route("/about", answers.about),
        Route("/leave", answers.leave, methods=["POST"]),
    ]
    mistaken = {Refusal: _mistaken, ValidationError: _mistaken}
    app = Starlette(routes=routes, exception_handlers=mistaken)
    door = Door(PromptBodies(app, _LARGEST_BODY), passes)
    address = Address("127.0.0.1", port)
    return Site(door, address, f"/#{passes.secret}", "label in a browser, at")


def _file(name: str) -> Handler:
    async def answer(_: Request) -> Response:
        return FileResponse(_FILES / name, media_type=f"{_KINDS[name]}; charset=utf-8")

    return answer


async def _mistaken(_: Request, error: Exception) -> Response:
    told = error.problem if isinstance(error, Refusal) else "This is no request of the page."
    return JSONResponse({"error": told}, 400)
