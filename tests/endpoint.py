"""A model on loopback that speaks the OpenAI protocol, and can be told to misbehave."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from loopback import handled

Answer = Callable[[dict[str, Any], int], tuple[int, Any]]


@dataclass
class Endpoint:
    """``questions`` are the bodies that came, in their order; ``most`` were under way at once."""

    url: str
    questions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    released: threading.Event = field(default_factory=threading.Event)
    under_way: int = 0
    most: int = 0


def completion(text: str, finish: str = "stop", tokens: tuple[int, int] = (100, 10)) -> Any:
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text},
            }
        ],
        "usage": {
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "total_tokens": sum(tokens),
        },
    }


def verdict(said: str, reasoning: str = "so") -> Any:
    return completion(json.dumps({"reasoning": reasoning, "verdict": said}))


@contextmanager
def serving(answer: Answer, patience_s: float = 0) -> Generator[Endpoint, None, None]:
    """Serve; ``answer`` is given a question and how often it came: (status, body).

    A body that is bytes is sent as it is, and None hangs until the test is over. Each answer
    waits ``patience_s`` for other questions to come.
    """
    counts: dict[str, int] = {}
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                endpoint.questions.append(body)
                endpoint.under_way += 1
                endpoint.most = max(endpoint.most, endpoint.under_way)
                key = json.dumps(body["messages"])
                counts[key] = counts.get(key, 0) + 1
                status, told = answer(body, counts[key])
            endpoint.released.wait(60 if told is None else patience_s)
            with lock:
                endpoint.under_way -= 1
            if told is None:
                return
            sent = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            pass

    with handled(Handler) as url:
        endpoint = Endpoint(url)
        try:
            yield endpoint
        finally:
            endpoint.released.set()
