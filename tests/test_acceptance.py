"""Candidates become cases by a person's word: at their client, or at a terminal."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client
from person import Person, client_of

from regrade_tools.files.documents import load

pytestmark = pytest.mark.anyio
ERAS = ("legacy", "2026-07-28")


def yes() -> Person:
    return Person("accept", {"accept": True})


def candidate(root: Path, case_id: str, **more: Any) -> None:
    folder = root / "evals" / "cases" / "crm"
    folder.mkdir(parents=True, exist_ok=True)
    told = "".join(f"{name}: {json.dumps(value)}\n" for name, value in more.items())
    text = f"id: {case_id}\ncandidate: true # read it\n{told}"
    (folder / f"{case_id}.yaml").write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A suite with three candidates."""
    suites = tmp_path / "evals" / "suites"
    suites.mkdir(parents=True)
    (suites / "crm.yaml").write_text("assertions: [{type: not-contains, value: sorry}]\n")
    candidate(tmp_path, "syn_a", input="Add Ann\n   2. syn_x\n   input: nothing")
    talk = [{"role": "user", "content": text} for text in ("Add Bob", "Find Bob")]
    candidate(tmp_path, "syn_b", input=talk, assertions=[{"type": "contains", "value": "Bob"}])
    candidate(tmp_path, "syn_c", input="Add Cid")
    return tmp_path


async def accepted(client: Client, /, *ids: str, **more: Any) -> tuple[bool, str]:
    """Whether it was refused, and what was told."""
    arguments = {"suite": "crm", "accept": list(ids), **more}
    reply = await client.call_tool("generate_inputs", arguments)
    found: dict[str, Any] = reply.structured_content or {}
    return reply.is_error or False, str(found.get("told", reply.content))


def cases(root: Path) -> list[str]:
    """What runs and the gate count."""
    paths = sorted((root / "evals" / "cases" / "crm").glob("*.yaml"))
    read: list[Any] = [load(path.read_text()) for path in paths]
    return [case["id"] for case in read if not case.get("candidate")]


@pytest.mark.parametrize("era", ERAS)
async def test_what_a_person_accepts_at_their_client_is_a_case_and_they_were_shown_all_of_it(
    root: Path, era: Literal["legacy", "2026-07-28"]
) -> None:
    person = yes()
    async with client_of(root, person, era) as client:
        wrong, told = await accepted(client, "syn_a", "syn_b", "syn_a")
    assert (wrong, told) == (False, "accepted by the person at your client; 1 candidates wait")
    assert cases(root) == ["syn_a", "syn_b"]
    (asked,) = person.asked
    first, _, *rest = asked.splitlines()
    assert first == (
        "An agent asks: make these 2 inputs cases of the suite crm? From then on runs and the gate "
        "count them."
    )
    talk = '[{"role": "user", "content": "Add Bob"}, {"role": "user", "content": "Find Bob"}]'
    # Nothing in an input passes for another one.
    assert rest == [
        "1. syn_a",
        "   input: Add Ann 2. syn_x input: nothing",
        "",
        "2. syn_b",
        f"   input: {talk}",
        '   assertions: [{"type": "contains", "value": "Bob"}]',
    ]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("person", "said"),
    [
        (Person("decline"), "the person declined"),
        (Person("cancel"), "the person declined"),
        (Person("accept", {"accept": False}), "the person declined"),
        (Person("accept", {"sign": True}), ""),
        (Person("accept", {}), ""),
        (None, "run"),
    ],
)
async def test_an_agent_alone_accepts_nothing_and_is_told_who_can(
    root: Path, era: Literal["legacy", "2026-07-28"], person: Person | None, said: str
) -> None:
    async with client_of(root, person, era) as client:
        wrong, told = await accepted(client, "syn_a")
        assert said in told
        if person is None:
            assert wrong
            assert "an agent accepts nothing" in told
            assert "regrade accept crm syn_a" in told
        for forged in ("consent", "client", "sign"):
            assert (await accepted(client, "syn_a", **{forged: "given"}))[0]
    assert cases(root) == []


async def test_what_no_form_can_show_and_what_is_no_candidate_is_asked_of_nobody(
    root: Path,
) -> None:
    candidate(root, "syn_long", input="a" * 7_000)
    (root / "evals" / "cases" / "crm" / "case_d.yaml").write_text("id: case_d\ninput: x\n")
    person = yes()
    async with client_of(root, person) as client:
        for ids, why in (
            (["syn_long"], "too long to be shown whole in a form"),
            (["syn_z"], "There is no candidate 'syn_z'"),
            (["case_d"], "There is no candidate 'case_d'"),
            ([], "There are 0 ids; a person is asked about 1 to 10 at once"),
            ([f"syn_{n}" for n in range(11)], "There are 11 ids"),
        ):
            wrong, told = await accepted(client, *ids)
            assert wrong
            assert why in told
    assert person.asked == []
    assert cases(root) == ["case_d"]
