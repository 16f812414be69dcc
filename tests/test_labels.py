"""Labels through an MCP client and the command line: who may say what, and what is kept of it."""

import json
import os
from pathlib import Path
from typing import Any, Literal

import pytest
from anyio import to_thread
from calling import refused, replied
from labelled import judge_file
from mcp import Client
from person import Person, client_of

from regrade_server.cli import main
from regrade_server.house import House
from regrade_tools.files.workspace import Workspace
from regrade_tools.labels.labelbook import LabelRow, read

pytestmark = pytest.mark.anyio
ERAS = ("legacy", "2026-07-28")


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person's keys."""
    folder = tmp_path / "home" / "keys"
    monkeypatch.setenv("REGRADE_KEYS", str(folder))
    return folder


@pytest.fixture
def root(tmp_path: Path, keys: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A repository with a judge and twelve traces; no person can sign yet."""
    assert not keys.exists()
    folder = tmp_path / "repository"
    judge_file(folder, "diet", "")
    lines = [json.dumps({"input": f"question {n}", "output": f"answer {n}"}) for n in range(12)]
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n")
    assert main(("import", str(folder / "log.jsonl"), "--root", str(folder))) == 0
    capsys.readouterr()
    return folder


async def ids(client: Client, query: str = "") -> list[str]:
    return [row["id"] for row in (await replied(client, "search_traces", query=query))["traces"]]


def label(trace_id: str, verdict: str = "fail", **more: Any) -> dict[str, Any]:
    return {"trace_id": trace_id, "verdict": verdict, "critique": "There is butter in it.", **more}


def rows(root: Path, folder: str = "evals") -> tuple[LabelRow, ...]:
    path = root / folder / "labels" / "diet.jsonl"
    return read(path.read_text(), "diet.jsonl") if path.is_file() else ()


def signed(root: Path) -> list[tuple[str, str, str]]:
    """What people say by the files of a repository, as a judge is measured by it."""
    house = House(Workspace(root))
    labelling = house.labelling
    book = labelling.book(labelling.criterion("diet"))
    return [
        (truth.item.trace_id, truth.verdict, ",".join(truth.labellers)) for truth in book.truths
    ]


def can_sign(root: Path, name: str = "ada") -> None:
    assert main(("labeller", name, "--root", str(root))) == 0


async def test_an_agents_label_is_a_suggestion_that_is_searchable_and_kept_with_its_snapshot(
    root: Path,
) -> None:
    async with client_of(root) as client:
        one, two, *_ = await ids(client)
        found = await replied(
            client, "label_traces", criterion="diet",
            labels=[label(one, mode="forbidden food"), label(two, "pass"), label("tr_no"),
                    label(one), {"trace_id": two}],
        )  # fmt: skip
        again = await replied(client, "label_traces", criterion="diet", labels=[label(two, "pass")])
        assert await ids(client, 'mode:"forbidden food" label:fail') == [one]
    kept = {"suggested": 2, "passed": 1, "failed": 1, "signed": 0, "labeller": "agent:mcp"}
    assert {key: found[key] for key in kept} == kept
    assert [line.partition(";")[0] for line in found["refused"]] == [
        'label 3: trace_id is "tr_no"',
        f"label 4: {one} was labelled above in this call",
        "label 5: verdict is null",
    ]
    assert (again["suggested"], again["known"]) == (0, 1)
    assert [(row.label.source, row.label.labeller, row.label.mode) for row in rows(root)] == [
        ("agent", "agent:mcp", "forbidden food"),
        ("agent", "agent:mcp", ""),
    ]
    assert {str(row.output)[:6] for row in rows(root)} == {"answer"}
    assert signed(root) == []


async def test_what_is_labelled_may_hold_every_character_that_ends_a_line(root: Path) -> None:
    output = "".join(map(chr, (0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029))).join("ab")
    (root / "log.jsonl").write_text(json.dumps({"input": "odd", "output": output}))
    async with client_of(root) as client:
        await replied(client, "import_traces", path="log.jsonl")
        for verdict in ("fail", "pass"):
            await replied(
                client, "label_traces", criterion="diet",
                labels=[label((await ids(client, "odd"))[0], verdict)],
            )  # fmt: skip
    assert [(row.label.verdict, row.output) for row in rows(root)] == [
        ("fail", output), ("pass", output),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "field", ["source", "labeller", "signature", "split", "sampled", "version", "labelled_at", "id"]
)
async def test_who_labelled_is_nothing_that_an_argument_can_say(root: Path, field: str) -> None:
    can_sign(root)
    async with client_of(root) as client:
        (one, *_) = await ids(client)
        forged = label(one, **{field: "human"})
        told = await refused(client, "label_traces", criterion="diet", labels=[forged])
        assert f"'{field}' is not yours to say" in told
        above = {field: "human", "labels": [label(one)], "criterion": "diet"}
        assert "unknown argument" in await refused(client, "label_traces", **above)
    assert rows(root) == ()


@pytest.mark.parametrize("name", ["consent", "client"])
async def test_what_a_person_said_is_nothing_that_an_argument_can_say(
    root: Path, name: str
) -> None:
    can_sign(root)
    async with client_of(root) as client:
        (one, *_) = await ids(client)
        arguments = {"labels": [label(one)], "criterion": "diet", "confirm": True, name: "given"}
        assert "unknown argument" in await refused(client, "label_traces", **arguments)
    assert signed(root) == []


@pytest.mark.parametrize("era", ERAS)
async def test_what_a_person_accepts_at_their_client_is_signed_as_theirs(
    root: Path, era: Literal["legacy", "2026-07-28"]
) -> None:
    can_sign(root)
    person = Person("accept", {"sign": True})
    async with client_of(root, person, era) as client:
        (one, *_) = await ids(client)
        found = await replied(
            client, "label_traces", criterion="diet", labels=[label(one)], confirm=True
        )
    assert (found["signed"], found["suggested"], found["labeller"]) == (1, 0, "ada")
    assert signed(root) == [(one, "fail", "ada")]
    (asked,) = person.asked
    assert "Sign all 1 as ada?" in asked
    assert "There is butter in it." in asked
    assert "Output: answer" in asked


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    "person", [Person("decline"), Person("cancel"), Person("accept", {"sign": False}), None]
)
async def test_what_no_person_accepted_stays_a_suggestion_and_says_how_it_is_confirmed(
    root: Path, era: Literal["legacy", "2026-07-28"], person: Person | None
) -> None:
    can_sign(root)
    async with client_of(root, person, era) as client:
        (one, *_) = await ids(client)
        found = await replied(
            client, "label_traces", criterion="diet", labels=[label(one)], confirm=True
        )
    assert (found["suggested"], found["signed"]) == (1, 0)
    assert "regrade label diet" in found["hint"]
    assert signed(root) == []


async def test_nobody_is_asked_to_sign_what_a_form_cannot_show_whole(root: Path) -> None:
    can_sign(root)
    function = {"name": "book", "arguments": '{"table": 7}'}
    called = [{"function": function, "id": "c", "type": "function"}]
    answers: list[dict[str, Any]] = [
        {"role": "assistant", "content": "a" * 4_001},
        {"role": "assistant", "content": "done", "tool_calls": called},
    ]
    questions = [{"role": "user", "content": content} for content in ("long", "b")]
    logs = [{"messages": list(pair)} for pair in zip(questions, answers, strict=True)]
    (root / "chats.jsonl").write_text("".join(json.dumps(log) + "\n" for log in logs))
    assert (
        await to_thread.run_sync(main, ("import", str(root / "chats.jsonl"), "--root", str(root)))
        == 0
    )
    person = Person("accept", {"sign": True})
    async with client_of(root, person) as client:
        (long,) = await ids(client, "long")
        (short,) = await ids(client, "done")
        told = await refused(
            client, "label_traces", criterion="diet", labels=[label(long)], confirm=True
        )
        assert "is too long to be shown whole in a form" in told
        many = [label(one) for one in (await ids(client))[:6]]
        told = await refused(client, "label_traces", criterion="diet", labels=many, confirm=True)
        assert "A person is asked about 5 labels at most" in told
        assert person.asked == []
        await replied(client, "label_traces", criterion="diet", labels=[label(short)], confirm=True)
    (asked,) = person.asked
    assert 'Tool calls: [{"name": "book", "arguments": {"table": 7}}]' in asked
    assert signed(root) == [(short, "fail", "ada")]


async def test_without_a_key_of_the_repository_nobody_is_asked(root: Path) -> None:
    person = Person("accept", {"sign": True})
    async with client_of(root, person) as client:
        (one, *_) = await ids(client)
        found = await replied(
            client, "label_traces", criterion="diet", labels=[label(one)], confirm=True
        )
    assert (found["suggested"], found["signed"], person.asked) == (1, 0, [])


async def test_an_agent_that_takes_a_persons_name_neither_signs_nor_hides_what_they_said(
    root: Path,
) -> None:
    can_sign(root)
    async with client_of(root, Person("accept", {"sign": True})) as client:
        (one, *_) = await ids(client)
        await replied(client, "label_traces", criterion="diet", labels=[label(one)], confirm=True)
    (row,) = rows(root)
    # As somebody would write it who has an editor and no key.
    forged = row.model_dump(mode="json", exclude_defaults=True)
    forged["label"].update(verdict="pass", labelled_at=row.label.labelled_at + 60, id="lb_forged")
    path = root / "evals" / "labels" / "diet.jsonl"
    path.write_text(path.read_text() + json.dumps(forged) + "\n")
    assert signed(root) == [(one, "fail", "ada")]


async def test_secrets_in_a_critique_are_replaced_before_anything_is_kept(root: Path) -> None:
    secret = "sk-proj-" + "a1B2" * 12
    async with client_of(root) as client:
        (one, *_) = await ids(client)
        said = {"trace_id": one, "verdict": "fail", "critique": f"It tells the key {secret}"}
        await replied(client, "label_traces", criterion="diet", labels=[said])
    assert secret not in (root / "evals" / "labels" / "diet.jsonl").read_text()
    assert rows(root)[0].label.critique.startswith("It tells the key [redacted:")


async def test_local_labels_stay_out_of_what_is_committed(root: Path) -> None:
    (root / "evals" / "regrade.yaml").write_text("labels: local\n")
    can_sign(root)
    async with client_of(root, Person("accept", {"sign": True})) as client:
        (one, *_) = await ids(client)
        await replied(client, "label_traces", criterion="diet", labels=[label(one)], confirm=True)
    assert rows(root) == ()
    assert len(rows(root, ".regrade")) == 1
    assert signed(root) == [(one, "fail", "ada")]


def test_a_new_labeller_keeps_the_comments_of_the_file_and_takes_nobodys_place(
    root: Path, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "evals" / "labellers.yaml"
    path.write_text("# who\nlabellers:  # ours\n    # the first\n    bob: a2V5\n# the end\n")
    can_sign(root)
    can_sign(root)
    text = path.read_text()
    added = next(line for line in text.splitlines() if line.startswith("    ada: "))
    assert text == (
        f"# who\nlabellers: # ours\n{added}\n    # the first\n    bob: a2V5\n# the end\n"
    )
    assert main(("labeller", "bob", "--root", str(root))) == 2
    assert "has another key of 'bob'" in capsys.readouterr().err
    assert path.read_text() == text
    assert [oct(one.stat().st_mode & 0o777) for one in (keys, keys / "ada.pem")] == [
        "0o700",
        "0o600",
    ]


def test_keys_that_others_can_read_or_a_commit_could_take_along_are_refused(
    root: Path, keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    can_sign(root)
    (keys / "ada.pem").chmod(0o644)
    assert main(("labeller", "ada", "--root", str(root))) == 2
    assert "chmod 600" in capsys.readouterr().err
    (keys / "ada.pem").chmod(0o600)
    keys.chmod(0o750)
    assert main(("labeller", "ada", "--root", str(root))) == 2
    assert "chmod 700" in capsys.readouterr().err
    monkeypatch.setenv("REGRADE_KEYS", str(root / "keys"))
    assert main(("labeller", "ada", "--root", str(root))) == 2
    assert "lies inside the workspace" in capsys.readouterr().err
    assert not os.path.lexists(root / "keys")
