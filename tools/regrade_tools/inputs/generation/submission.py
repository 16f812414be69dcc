"""Inputs that an agent writes: handed out as a packet, and each looked at when it comes back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from anyio import to_thread
from pydantic import JsonValue

from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import fingerprint, random_id
from regrade_tools.inputs.generation.batches import begin
from regrade_tools.inputs.generation.briefs import Slot, answer_schema, instructions, texts_in
from regrade_tools.inputs.generation.candidates import said
from regrade_tools.inputs.generation.diversity import diversity
from regrade_tools.models import Case, Generated, Inputs, Packet
from regrade_tools.packets import misnumbered
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal
from regrade_tools.texts.clipping import clip, size
from regrade_tools.texts.fences import fenced

_EXAMPLES, _CLIPPED = 8, 300
_RULES = (
    "Each is compared with the others, the suite and the traces: one that is nearly the same, or "
    "does not fit its values, is refused with the reason; write that one anew."
)
_LARGEST = 12_000


def packet_of(
    suite: str, inputs: Inputs, slots: Sequence[Slot], seed: int, examples: Sequence[str]
) -> Packet:
    """The work of writing one input for each of ``slots``."""
    told = instructions(inputs)
    if examples:
        shown = "\n\n".join(fenced("input", text[:_CLIPPED]) for text in examples[:_EXAMPLES])
        told = f"{told}\n\nInputs of real users, for their way of writing:\n\n{shown}"
    told = f"{told}\n\n{_RULES}"
    if size(told) > _LARGEST:
        raise Refusal(
            "The task and the steps are too long to be handed to an agent.",
            next_step="Shorten them in the suite, or give `inputs` a model.",
        )
    items: list[dict[str, JsonValue]] = []
    for slot in slots:
        item: dict[str, JsonValue] = {"values": dict(slot.values)}
        items.append({**item, "written": ", ".join(slot.mess)} if slot.mess else item)
    return Packet(
        id=random_id("pk"),
        kind="inputs",
        created_at=time.time(),
        about={"suite": suite, "seed": seed, "inputs": inputs.model_dump(mode="json")},
        instructions=told,
        items=tuple(items),
        answer_schema=answer_schema(inputs),
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of what an agent wrote: ``done`` are the numbers with an input."""

    accepted: int
    done: set[int]
    refused: list[str] = field(default_factory=list[str])
    told: str = ""


async def take(
    store: Store,
    workspace: Workspace,
    packet: Packet,
    answers: Sequence[dict[str, JsonValue]],
    client: str,
) -> Taken:
    """Keep what fits and is new, each as a candidate; the rest is refused, each with its reason."""
    suite, inputs = str(packet.about["suite"]), Inputs.model_validate(packet.about["inputs"])
    begun = await begin(store, workspace, suite, inputs)
    done = {number for case in begun.cases if (number := _slot(case, packet.id))}
    refused: list[str] = []
    before, written = len(done), 0
    for answer in answers:
        number = answer.get("n")
        problem = misnumbered(number, packet)
        if not problem and number in done:
            problem = f"n={number} was written before, and is kept"
        if problem or not isinstance(number, int):
            refused.append(problem)
            continue
        written += 1
        origin = _origin(packet, number, client)
        texts = texts_in(answer, inputs)
        found = await to_thread.run_sync(begun.batch.problem, texts, origin.values)
        found = found or begun.batch.keep(texts, origin)
        if found is None:
            done.add(number)
        else:
            refused.append(f"n={number}: {found.why}")
    await store.add_submission(packet.id, written)
    mine = [case for case in (*begun.cases, *begun.batch.kept) if _slot(case, packet.id)]
    if not mine:
        told = f"{len(packet.items)} asked, none kept yet."
        return Taken(len(done) - before, done, refused, told)
    figures = diversity([" ".join(said(case.input, inputs.field)) for case in mine])
    counts = f"{len(packet.items)} asked, {len(done)} distinct kept as candidates"
    diverse = f"self-similarity {figures.self_similarity}, distinct-2 {figures.distinct_2}"
    told = (
        f"{counts}, {await store.submitted(packet.id)} written ({diverse}). A person reads them: "
        f"`regrade accept {suite}`, or generate_inputs with accept asks them at your client."
    )
    return Taken(len(done) - before, done, refused, told)


def _origin(packet: Packet, number: int, client: str) -> Generated:
    seed = packet.about["seed"]
    return Generated(
        values=_values(packet.items[number - 1]),
        seed=seed if isinstance(seed, int) else 0,
        slot=number,
        writer=f"agent:{clip(client, 60) or 'unknown'}",
        prompt=fingerprint(packet.instructions),
        packet=packet.id,
    )


def _slot(case: Case, packet_id: str) -> int:
    origin = case.provenance.generated if case.provenance else None
    return origin.slot if origin is not None and origin.packet == packet_id else 0


def _values(item: dict[str, JsonValue]) -> dict[str, str]:
    held = item.get("values")
    return {name: str(value) for name, value in held.items()} if isinstance(held, dict) else {}
