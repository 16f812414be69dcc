"""What the labels of people make of a judge's pass rate, through an MCP client."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from calling import replied
from labelled import judge_file, know, label_row, write_labels
from mcp import Client

from regrade_server.cli.living import opened
from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.workspace import Workspace
from regrade_tools.labels.labelbook import LabelRow
from regrade_tools.labels.queue import Queue, Queues, Sampling
from regrade_tools.models import Sampled

pytestmark = pytest.mark.anyio
OUTPUTS = [{"input": "q", "output": f"answer {n}"} for n in range(100)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A judge that fails each tenth of a hundred answers, and a person who can sign."""
    (tmp_path / "evals").mkdir()
    know(tmp_path, "ada", "bob")
    (tmp_path / "bot.py").write_text(
        "def classify(given):\n    return not given['output'].endswith('0')\n"
    )
    judge_file(tmp_path, "diet", "python: bot:classify")
    return tmp_path


def labels(
    numbers: range, sampled: Sampled, errs: int = 0, at: float = 0, **more: Any
) -> list[LabelRow]:
    """Labels of dev by one person; one in ``errs`` is not as the judge has it."""
    rows: list[LabelRow] = []
    for place, n in enumerate(numbers):
        passes = (n % 10 != 0) != (errs > 0 and place % errs == 1)
        told: dict[str, Any] = {"at": at or time.time(), "sampled": sampled, **more}
        verdict = "pass" if passes else "fail"
        rows.append(label_row("q", f"answer {n}", verdict, split="dev", **told))
    return rows


async def rate(root: Path, **more: Any) -> dict[str, Any]:
    async with Client(build_server(House(Workspace(root)))) as client:
        given = {"judge": "diet", "outputs": OUTPUTS, **more}
        reply = await client.call_tool("run_judge", given)
    assert not reply.is_error, reply.content
    return reply.structured_content or {}


async def test_labels_that_come_after_the_judgements_correct_the_rate_at_once(root: Path) -> None:
    assert (await rate(root))["corrected_rate"] == {
        "method": "none",
        "why": "no person has labelled anything by its criterion",
    }
    write_labels(root, labels(range(40), "random", errs=10))
    found = await rate(root)
    assert found["corrected_rate"]["method"] == "post-stratified by verdict"
    # Of 36 that it passes people pass 32 (each tenth place but the judged failures), of 4 none.
    assert found["corrected_rate"]["value"] == 0.8
    assert found["corrected_rate"]["labels"] == {"random": 40}
    assert found["labels_only"]["of"] == "32 of 40"


async def test_labels_of_other_answers_than_those_that_are_judged_are_told(root: Path) -> None:
    await rate(root)
    write_labels(root, labels(range(40), "random", errs=10))
    inside, across, outside = [
        (await rate(root, outputs=OUTPUTS[first:]))["hint"] for first in (0, 30, 40)
    ]
    draft = 'diet is draft: align_judge("diet") shows where it differs from people.'
    warned = (
        " of 40 labelled answers are none of these: labels_only speaks of all that are labelled, "
        "and corrected_rate is right of these as far as the judge errs here as it does there."
    )
    assert inside == draft
    assert (across, outside) == (f"{draft} 30{warned}", f"{draft} 40{warned}")


async def test_a_labelled_trace_that_the_sample_left_out_is_one_of_those_that_are_judged(
    root: Path,
) -> None:
    ids: list[str] = []
    async with Client(build_server(House(Workspace(root)))) as client:
        for name, some in (("prod", OUTPUTS[:10]), ("trial", OUTPUTS[10:20])):
            (root / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in some))
            await replied(client, "import_traces", path="log.jsonl", tags=[name])
        for n in range(20):
            found = await replied(client, "search_traces", query=f'"answer {n}"')
            ids.append(found["traces"][0]["id"])
        labelled = [labels(range(n, n + 1), "random", trace_id=ids[n]) for n in range(20)]
        write_labels(root, (row for rows in labelled for row in rows))
        hints = [
            (await replied(client, "run_judge", judge="diet", traces=query, n=3))["hint"]
            for query in ("", "tag:prod")
        ]
    told = [hint.partition("differs from people.")[2].partition(" are none")[0] for hint in hints]
    assert told == ["", " 10 of 20 labelled answers"]


async def test_labels_of_which_nobody_told_the_sampling_are_left_out_and_told(root: Path) -> None:
    await rate(root)
    drawn = labels(range(40), "random", errs=10)
    write_labels(root, drawn)
    alone = await rate(root)
    write_labels(root, [*drawn, *labels(range(50, 52), "unknown")])
    found = await rate(root)
    told = {"left_out": ["2 whose sampling nobody told"]}
    assert found["corrected_rate"] == {**alone["corrected_rate"], **told}
    assert found["labels_only"] == alone["labels_only"]
    write_labels(root, labels(range(50, 52), "unknown"))
    found = await rate(root)
    assert found["corrected_rate"] == {
        "method": "none",
        "why": "nobody told how the labelled rows were picked; `regrade label` draws at random",
        **told,
    }
    assert "labels_only" not in found


async def test_labels_drawn_by_this_judges_verdict_stand_with_random_ones(root: Path) -> None:
    await rate(root)
    drawn = labels(range(40), "random", errs=10)
    write_labels(root, [*drawn, *labels(range(40, 100), "by_verdict")])
    found = (await rate(root))["corrected_rate"]
    assert found["labels"] == {"random": 40, "by_verdict": 60}
    assert found["value"] == 0.86
    # By another version's verdict they were drawn by something else than what is corrected by.
    judge = root / "evals" / "judges" / "diet.md"
    judge.write_text(judge.read_text() + "\nBe strict.\n")
    found = (await rate(root))["corrected_rate"]
    assert found["labels"] == {"random": 40}
    assert found["left_out"] == ["60 drawn by the verdicts of another judge or version"]


async def test_what_was_drawn_at_random_stays_so_whoever_labels_it_again(root: Path) -> None:
    await rate(root)
    drawn = labels(range(40), "random", at=1_790_000_000)
    again = labels(range(5), "unknown", at=1_790_000_001)
    other = labels(range(5), "by_verdict", at=1_790_000_002, labeller="bob")
    write_labels(root, [*drawn, *again, *other])
    found = await rate(root)
    assert found["corrected_rate"]["labels"] == {"random": 40}
    assert "left_out" not in found["corrected_rate"]
    assert found["labels_only"]["of"] == "36 of 40"


async def test_what_cannot_be_compared_is_counted_with_its_reason(root: Path) -> None:
    write_labels(root, labels(range(40), "random"))
    outputs = OUTPUTS[50:]
    found = (await rate(root, outputs=outputs))["corrected_rate"]
    assert found == {
        "method": "none",
        "why": "this version of the judge has answered no labelled item outside train: "
        'align_judge("diet", split="dev") asks it, and split="test"',
        "left_out": ["40 that this version of the judge has not answered"],
    }
    train = [row.model_copy(update={"split": "train"}) for row in labels(range(10), "random")]
    disputed = labels(range(10, 12), "random")
    differs = [
        label_row("q", f"answer {n}", "pass" if n == 10 else "fail", split="dev", labeller="bob")
        for n in (10, 11)
    ]
    write_labels(root, [*train, *disputed, *differs, *labels(range(50, 80), "random")])
    found = (await rate(root, outputs=outputs))["corrected_rate"]
    assert found["labels"] == {"random": 30}
    assert found["left_out"] == ["10 of the train split", "2 on which people disagree"]


async def test_the_labels_that_a_recorded_judge_answers_correct_it_without_a_measurement(
    root: Path,
) -> None:
    said = [{**one, "verdict": "FAIL" if n % 10 == 0 else "PASS"} for n, one in enumerate(OUTPUTS)]
    (root / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    judge_file(root, "diet", "recorded: said.jsonl")
    write_labels(root, labels(range(40), "random"))
    found = (await rate(root, outputs=OUTPUTS[50:]))["corrected_rate"]
    assert (found["labels"], found["value"]) == ({"random": 40}, 0.9)


async def test_what_is_drawn_by_verdict_is_drawn_at_random_within_each(root: Path) -> None:
    (root / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in OUTPUTS))

    async def drawn(query: str, seed: int) -> Queue:
        async def draw(house: House) -> Queue:
            about = house.labelling.criterion("diet")
            queues = Queues(house.labelling)
            return await queues.draw(about, "ada", query, 10, "by_verdict", seed)

        return await opened(House(Workspace(root)), draw)

    async with Client(build_server(House(Workspace(root)))) as client:
        await client.call_tool("import_traces", {"path": "log.jsonl", "tags": ["prod"]})
        await client.call_tool("run_judge", {"judge": "diet", "traces": "tag:prod", "n": 100})
    one, other = await drawn("tag:prod", 0), await drawn("tag:prod", 1)
    assert sum(str(item.output).endswith("0") for item in one.items) == 5
    assert {item.key for item in one.items} != {item.key for item in other.items}
    assert (one.drawn.way, (await drawn("answer", 0)).drawn.way) == ("by_verdict", "unknown")


async def test_a_sample_is_drawn_by_what_users_said_and_stands_for_no_rate(root: Path) -> None:
    rows = [{**one, "feedback": {"stars": n % 5}} for n, one in enumerate(OUTPUTS)]
    (root / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    async def draw(house: House) -> Queue:
        await house.traces.import_traces("log.jsonl")
        about = house.labelling.criterion("diet")
        return await Queues(house.labelling).draw(about, "ada", "feedback:stars<1", 10, "random", 0)

    queue = await opened(House(Workspace(root)), draw)
    inputs = [one["input"] for n, one in enumerate(OUTPUTS) if n % 5 == 0]
    assert (len(queue.items), queue.drawn.way) == (10, "unknown")
    assert all(item.input in inputs for item in queue.items)


async def test_a_label_that_says_whose_verdicts_drew_it_corrects_that_version_and_no_other(
    root: Path,
) -> None:
    fingerprint = (await rate(root))["fingerprint"]
    # By the clock this judge, which had judged before, could have drawn all of them.
    own = labels(range(40), "by_verdict", drawn_by=fingerprint, sample="sm_one")
    others = labels(range(40, 60), "by_verdict", drawn_by="another", sample="sm_two")
    # By the clock it could not have drawn these; a person labelled them a second time.
    early = labels(range(60, 70), "by_verdict", at=1_000, drawn_by=fingerprint, sample="sm_one")
    again = labels(range(40, 50), "by_verdict", drawn_by=fingerprint, sample="sm_3", labeller="bob")
    write_labels(root, [*own, *others, *early, *again])
    found = (await rate(root))["corrected_rate"]
    assert found["labels"] == {"by_verdict": 60}
    assert found["left_out"] == ["10 drawn by the verdicts of another judge or version"]


async def test_a_queue_says_whose_verdicts_drew_it_and_keeps_that_where_it_is_read_again(
    root: Path,
) -> None:
    (root / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in OUTPUTS))
    async with Client(build_server(House(Workspace(root)))) as client:
        await client.call_tool("import_traces", {"path": "log.jsonl", "tags": ["prod"]})
        judged = await replied(client, "run_judge", judge="diet", traces="tag:prod", n=100)

    async def draw(house: House, sampling: Sampling) -> Queue:
        about = house.labelling.criterion("diet")
        return await Queues(house.labelling).draw(about, "ada", "", 1, sampling, 0)

    house = House(Workspace(root))
    queue = await opened(house, lambda house: draw(house, "by_verdict"))
    assert queue.drawn.judge == judged["fingerprint"]
    assert queue.drawn.sample.startswith("sm_")
    item = queue.items[0]
    write_labels(
        root,
        [
            label_row(
                item.input, item.output, "pass", sampled="by_verdict",
                sample=queue.drawn.sample, drawn_by=queue.drawn.judge,
            )
        ],
    )  # fmt: skip
    again = await opened(house, lambda house: draw(house, "again"))
    way = again.way(again.items[0])
    assert (way.way, way.judge) == ("by_verdict", queue.drawn.judge)
    assert way.sample != queue.drawn.sample
