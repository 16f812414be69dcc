"""Seeded traces for the benchmarks: three spans and about 4.4 KB of text each.

Words are drawn from 20,000 by Zipf's law. ``NEEDLE`` is in five traces, whatever their number;
trace i begins at ``BEGIN`` + i * 30 days / n.
"""

import itertools
import json
import random
from collections.abc import Iterator

SEED = 20_261_122
BEGIN = 1_792_627_200  # 2026-10-22T00:00:00Z
DAYS = 30
NEEDLE = "zqneedlealpha"
NEEDLES = 5  # traces that hold it
MODELS = ("gpt-4o-mini", "claude-sonnet-4", "gemini-2.0-flash")
_WORDS = 20_000
_SENTENCES = 50_000
# Of the syllables and of the traces.
_CLOSED, _FAILED = 0.3, 0.03
# A step of a trace: name, kind, start, end, asked, told, more attributes.
_Step = tuple[str, str, float, float, str, str, dict[str, object]]


def _vocabulary(source: random.Random) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < _WORDS:
        syllables = source.choice((1, 2, 2, 3, 3, 4))
        word = "".join(
            source.choice("bcdfghjklmnprstvwz")
            + source.choice("aeiou")
            + (source.choice("nrstl") if source.random() < _CLOSED else "")
            for _ in range(syllables)
        )
        words[word] = None
    return list(words)


class Corpus:
    """The texts; made once, about two seconds."""

    def __init__(self) -> None:
        """Draw the words and the sentences."""
        source = random.Random(SEED)  # noqa: S311 - it is to be the same each time
        self.words = _vocabulary(source)
        weights = list(itertools.accumulate(1 / (rank + 1) for rank in range(_WORDS)))
        self._sentences = [
            " ".join(
                source.choices(self.words, cum_weights=weights, k=source.randint(6, 16))
            ).capitalize()
            + source.choice(".....?!")
            for _ in range(_SENTENCES)
        ]

    def export(self, number: int, of: int) -> dict[str, object]:
        """Trace ``number`` as one OTLP/JSON export."""
        source = random.Random(SEED * 1_000_003 + number)  # noqa: S311 - as above

        def text(characters: int) -> str:
            said: list[str] = []
            size = 0
            while size < characters:
                sentence = self._sentences[int(source.random() * _SENTENCES)]
                said.append(sentence)
                size += len(sentence) + 1
            return " ".join(said)

        began = BEGIN + number * DAYS * 86_400 / of
        model = source.choice(MODELS)
        question, documents, prompt, answer = text(420), text(1_250), text(850), text(600)
        every = max(1, of // NEEDLES)
        if number % every == 7 % every:
            answer += f" {NEEDLE}"
        about = {
            "session.id": f"session-{number // 5}",
            "customer": f"cust-{source.randint(0, 499)}",
        }
        failed = source.random() < _FAILED
        given, said = source.randint(200, 900), source.randint(20, 400)
        used: dict[str, object] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": given,
            "gen_ai.usage.output_tokens": said,
        }
        name = f"{source.getrandbits(128):032x}"
        ids = [f"{source.getrandbits(64):016x}" for _ in range(3)]
        steps: tuple[_Step, ...] = (
            ("agent", "CHAIN", 0.0, 2.0, question, answer, {}),
            ("retrieve", "RETRIEVER", 0.05, 0.3, question, documents, {}),
            ("chat", "LLM", 0.3, 1.9, prompt, answer, used),
        )
        spans = [
            {
                "traceId": name,
                "spanId": ids[place],
                "parentSpanId": ids[0] if place else "",
                "name": step,
                "startTimeUnixNano": str(int((began + start) * 1e9)),
                "endTimeUnixNano": str(int((began + end) * 1e9)),
                "status": {"code": 2 if failed and place != 1 else 1, "message": "timed out"},
                "attributes": _attributes(
                    {
                        "openinference.span.kind": kind,
                        "input.value": asked,
                        "output.value": told,
                        **about,
                        **more,
                    }
                ),
            }
            for place, (step, kind, start, end, asked, told, more) in enumerate(steps)
        ]
        return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}

    def bodies(self, start: int, stop: int, of: int, batch: int) -> Iterator[str]:
        """Exports of ``batch`` traces each, as an exporter would send them."""
        for first in range(start, stop, batch):
            exports = [self.export(n, of) for n in range(first, min(first + batch, stop))]
            together = [item for export in exports for item in export["resourceSpans"]]  # type: ignore[attr-defined]
            yield json.dumps({"resourceSpans": together})


def _attributes(values: dict[str, object]) -> list[dict[str, object]]:
    return [
        {
            "key": key,
            "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value},
        }
        for key, value in values.items()
    ]
