"""A model on loopback that takes a fixed time for each answer, and says when it was asked.

    python benchmarks/model_stub.py PORT SECONDS

POST /v1/chat/completions answers; GET /stats tells how many came, how many at once, and the
seconds from the first question in to the last answer out; POST /reset forgets.
"""

import json
import sys
import time
from dataclasses import dataclass, field

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

VERDICT = json.dumps({"reasoning": "It answers the question.", "verdict": "PASS"})


@dataclass
class Counted:
    """What was asked so far."""

    questions: int = 0
    open: int = 0
    most: int = 0
    first: float = 0.0
    last: float = 0.0


@dataclass
class Stub:
    """The model."""

    seconds: float
    counted: Counted = field(default_factory=Counted)

    async def complete(self, request: Request) -> JSONResponse:
        """Answer after the fixed time."""
        await request.json()
        told = self.counted
        told.first = told.first or time.perf_counter()
        told.open += 1
        told.most = max(told.most, told.open)
        await anyio.sleep(self.seconds)
        told.open -= 1
        told.questions += 1
        told.last = time.perf_counter()
        message = {"role": "assistant", "content": VERDICT}
        return JSONResponse(
            {
                "id": f"answer-{told.questions}",
                "object": "chat.completion",
                "created": 1,
                "model": "stub",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30},
            }
        )

    async def stats(self, _: Request) -> JSONResponse:
        """What was counted."""
        told = self.counted
        return JSONResponse(
            {"questions": told.questions, "most": told.most, "busy_s": told.last - told.first}
        )

    async def reset(self, _: Request) -> JSONResponse:
        """Forget what was counted."""
        self.counted = Counted()
        return JSONResponse({})


def application(seconds: float) -> Starlette:
    """The model as a web application."""
    stub = Stub(seconds)
    return Starlette(
        routes=[
            Route("/v1/chat/completions", stub.complete, methods=["POST"]),
            Route("/stats", stub.stats),
            Route("/reset", stub.reset, methods=["POST"]),
        ]
    )


if __name__ == "__main__":
    uvicorn.run(
        application(float(sys.argv[2])), host="127.0.0.1", port=int(sys.argv[1]),
        log_level="error", access_log=False,
    )  # fmt: skip
