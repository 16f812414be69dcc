"""The tool that takes back what an agent was handed to do, and what hands it out."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_tools.files.workspace import Workspace, needed
from regrade_tools.fingerprint import random_id
from regrade_tools.inputs.generation.submission import take
from regrade_tools.judges.bench import Sitting
from regrade_tools.judges.judging import answer_schema, prompts, spoken
from regrade_tools.models import Item, Judged, Packet
from regrade_tools.packets import Work, fits, misnumbered, part
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal
from regrade_tools.secrets.redaction import redaction_of
from regrade_tools.texts.clipping import clip, size
from regrade_tools.texts.plaintext import first_lines

_SHOWN = 10
# With a part of the items it must fit one reply, for neither is ever cut.
_INSTRUCTIONS = 10_000


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of the answers: each refused one with its reason, and the next part."""

    accepted: int
    left: int
    refused: list[str] = field(default_factory=list[str])
    work: Work | None = None
    hint: str | None = None


@dataclass(frozen=True)
class Errands:
    """Work for agents."""

    store: Store
    workspace: Workspace | None

    async def judge(self, sitting: Sitting, items: Sequence[Item]) -> Work:
        """Hand out items to be judged; what is too long to be shown whole is judged unknown."""
        distinct = {item.key: item for item in items}
        instructions = _instructions(sitting, items[0])
        bodies = {key: _body(sitting, item) for key, item in distinct.items()}
        shown = {key: body for key, body in bodies.items() if fits(body)}
        long = [
            Judged(
                key,
                sitting.judge.name,
                sitting.fingerprint,
                "unknown",
                problem="too long to be shown to an agent whole",
                judged_at=time.time(),
            )
            for key in bodies.keys() - shown.keys()
        ]
        await self.store.add_judgements(long)
        if not shown:
            raise Refusal(
                "Every item is too long to be handed to an agent.",
                next_step="Give the judge a model in its file.",
            )
        packet = Packet(
            id=random_id("pk"),
            kind="judge",
            created_at=time.time(),
            about={
                "judge": sitting.judge.name,
                "fingerprint": sitting.fingerprint,
                "keys": list[JsonValue](shown),
            },
            instructions=instructions,
            items=tuple(shown.values()),
            answer_schema=answer_schema(sitting.judge),
        )
        return await self.hand_out(packet)

    async def hand_out(self, packet: Packet) -> Work:
        """Keep a packet, and give its first part."""
        await self.store.add_packet(packet)
        work = part(packet, ())
        if work is None:
            raise LookupError(packet.id)
        return work

    async def submit_answers(
        self, packet_id: str, answers: list[dict[str, JsonValue]], client: str = ""
    ) -> Submitted:
        """Hand in what a packet asks for, and get its next part.

        answers: by answer_schema, such as [{"n": 1, "reasoning": "...", "verdict": "PASS"}].
        """
        packet = await self.store.packet(packet_id)
        if packet is None:
            raise Refusal(
                f"There is no packet {clip(packet_id, 60)!r}.",
                next_step="run_judge, align_judge and generate_inputs hand them out.",
            )
        if packet.kind == "inputs":
            return await self._inputs(packet, answers, client)
        return await self._judged(packet, answers)

    async def _inputs(
        self, packet: Packet, answers: list[dict[str, JsonValue]], client: str
    ) -> Submitted:
        taken = await take(self.store, needed(self.workspace), packet, answers, client)
        work = part(packet, taken.done, follows=taken.accepted > 0)
        left = len(packet.items) - len(taken.done)
        return Submitted(taken.accepted, left, first_lines(taken.refused, _SHOWN), work, taken.told)

    async def _judged(self, packet: Packet, answers: list[dict[str, JsonValue]]) -> Submitted:
        keys = [str(key) for key in _list(packet.about["keys"])]
        fingerprint = str(packet.about["fingerprint"])
        known = await self.store.judgements(fingerprint, keys)
        answered = {number for number, key in enumerate(keys, 1) if key in known}
        hidden = redaction_of(self.workspace)
        fresh: dict[int, Judged] = {}
        refused: list[str] = []
        for given in answers:
            number = given.get("n")
            problem = misnumbered(number, packet)
            if not problem and number in answered | fresh.keys():
                problem = f"n={number} was answered before, and an answer stays"
            problem = problem or _strange(given, packet.answer_schema)
            said = spoken({name: value for name, value in given.items() if name != "n"})
            if not problem and (said.verdict == "unknown" and not said.reasoning):
                problem = f"n={number}: {said.problem}"
            if not problem and not said.reasoning.strip():
                problem = f"n={number}: reasoning is empty; reason first, then the verdict"
            if problem or not isinstance(number, int):
                refused.append(problem)
                continue
            fresh[number] = Judged(
                keys[number - 1],
                str(packet.about["judge"]),
                fingerprint,
                said.verdict,
                hidden.shown(said.reasoning),
                judged_at=time.time(),
            )
        await self.store.add_judgements(list(fresh.values()))
        done = answered | fresh.keys()
        work = part(packet, done, follows=bool(fresh))
        said = Counter(one.verdict for one in [*known.values(), *fresh.values()])
        told = ", ".join(f"{said[verdict]} {verdict}" for verdict in ("pass", "fail", "unknown"))
        hint = (
            None
            if work
            else f"All {len(keys)} answered: {told}. The call that gave this packet, repeated, "
            "tells the rates and compares them with what people say."
        )
        return Submitted(
            len(fresh), len(keys) - len(done), first_lines(refused, _SHOWN), work, hint
        )


def _instructions(sitting: Sitting, item: Item) -> str:
    text = prompts(sitting.judge, item, sitting.examples)[0].content
    if size(text) > _INSTRUCTIONS:
        raise Refusal(
            f"The prompt of {sitting.judge.name} with its examples is larger than "
            f"{_INSTRUCTIONS:,} bytes, too large to be handed to an agent.",
            next_step="Give the judge a model in its file, or a shorter prompt.",
        )
    return text


def _body(sitting: Sitting, item: Item) -> dict[str, JsonValue]:
    return {"data": prompts(sitting.judge, item, sitting.examples)[1].content}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _strange(given: dict[str, JsonValue], schema: dict[str, JsonValue]) -> str:
    """Why an answer has fields that nobody asked for, or nothing: none of them would be kept."""
    asked = schema.get("properties")
    valid = ["n", *asked] if isinstance(asked, dict) else ["n"]
    strange = [name for name in given if name not in valid]
    if not strange:
        return ""
    return f"n={given.get('n')}: unknown field {clip(strange[0], 40)!r}; valid: {', '.join(valid)}"
