"""Synthetic inputs through an MCP client: planned, written, distinct, and only then accepted."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from calling import client_of, replied
from console import spoken
from endpoint import Endpoint, completion, serving
from terminal import at_a_terminal

from regrade_server.cli import main
from regrade_tools.files.documents import load

pytestmark = pytest.mark.anyio

NAMES = (
    "Ada Byron",
    "Grace Hopper",
    "Alan Turing",
    "Edsger Dijkstra",
    "Barbara Liskov",
    "Donald Knuth",
    "Radia Perlman",
    "Tony Hoare",
    "Leslie Lamport",
    "Frances Allen",
)
DETAILS = (
    "phone 555-0100",
    "who sells pumps",
    "office in Oslo",
    "met at the fair",
    "two kids",
    "prefers mail",
    "speaks Farsi",
    "retired judge",
    "birthday 3 May",
    "drives a van",
)
FIRMS = ("Acme", "Globex", "Initech", "Umbrella", "Hooli")
CREATE = (
    "Add {} of {}, {}",
    "could you save somebody called {} from {}? {}",
    "New: {}, works for {}, {}",
    "pls create a record. name {} / employer {} / {}",
    "Put {} ({}) in the book, {}, thanks",
)
LOOK_UP = (
    "What is the phone number of {}?",
    "who does {} work for",
    "Show me the card of {} again",
    "did we keep a note on {}",
    "find {} and read the entry to me",
)
STEPS: dict[str, Any] = {
    "steps": [{"name": "create", "description": "tells the assistant to add a contact"},
              {"name": "look_up", "description": "asks for a detail of that contact"}],
}  # fmt: skip
CRM: dict[str, Any] = {
    "task": "Instructions to a CRM assistant.",
    "dimensions": {
        "persona": {"recruiter": 2, "founder": 1, "assistant": 1},
        "details": ["name only", "name and phone", "all fields"],
        "form": ["command", "question", "forwarded email"],
    },
    "impossible": [{"persona": "recruiter", "form": "forwarded email"}],
    **STEPS,
}


def pair(number: int) -> dict[str, str]:
    """One of fifty pairs, each in words of its own."""
    name, firm, detail = NAMES[number % 10], FIRMS[number // 10], DETAILS[number * 3 % 10]
    form = (number + number // 10) % 5
    return {
        "create": CREATE[form].format(name, firm, detail),
        "look_up": LOOK_UP[form].format(name),
    }


def project(root: Path, inputs: dict[str, Any], url: str = "", **model: Any) -> None:
    (root / "evals" / "suites").mkdir(parents=True, exist_ok=True)
    if url:
        spec = {"model": "openai/tiny", "api_base": url, "timeout_s": 30, **model}
        (root / "evals" / "regrade.yaml").write_text(
            json.dumps({"models": {"tiny": spec}, "targets": {"bot": {"python": "bot:answer"}}})
        )
        inputs = {**inputs, "model": "tiny"}
    suite = {"assertions": [{"type": "not-contains", "value": "sorry"}], "inputs": inputs}
    (root / "evals" / "suites" / "crm.yaml").write_text(json.dumps(suite))


def files(root: Path) -> list[dict[str, Any]]:
    paths = sorted((root / "evals" / "cases" / "crm").glob("*.yaml"))
    found: list[Any] = [load(path.read_text()) for path in paths]
    return found


def texts(root: Path) -> list[str]:
    return [" | ".join(m["content"] for m in case["input"]) for case in files(root)]


def answering(said: list[str]) -> Any:
    """Answers with the texts of ``said`` in turn, and with the last for ever."""
    waiting = iter(said)

    def answer(_question: dict[str, Any], _: int) -> tuple[int, Any]:
        return 200, completion(next(waiting, said[-1]))

    return answer


async def test_a_model_writes_fifty_distinct_pairs_and_every_cell_of_the_plan_is_covered(
    tmp_path: Path,
) -> None:
    # Every fourth answer says again what was said before.
    said: list[str] = []
    for number in range(50):
        said.append(json.dumps(pair(number)))
        if number % 4 == 3:
            said.append(json.dumps(pair(number - 2)))
    with serving(answering(said)) as endpoint:
        project(tmp_path, CRM, endpoint.url)
        async with client_of(tmp_path) as client:
            plan = await replied(client, "generate_inputs", suite="crm", n=50, dry_run=True)
            asked_before = len(endpoint.questions)
            found = await replied(client, "generate_inputs", suite="crm", n=50)
    assert asked_before == 0
    assert len(plan["plan"]) == 50
    assert found["told"] == "50 asked, 50 distinct kept, 62 written"
    assert found["rejected"] == {"same": 12}
    assert found["coverage"] == {"cells": 26, "covered": 26} == plan["coverage"]
    assert found["diversity"]["texts"] == 50
    assert len(endpoint.questions) == 62
    cases = files(tmp_path)
    assert len(cases) == len(set(texts(tmp_path))) == 50
    assert all(case["candidate"] and case["tags"] == ["synthetic"] for case in cases)
    assert all([m["role"] for m in case["input"]] == ["user", "user"] for case in cases)
    first = min(cases, key=lambda case: case["provenance"]["generated"]["slot"])
    origin = first["provenance"]["generated"]
    assert plan["plan"][0] == "1. " + ", ".join(f"{k}={v}" for k, v in origin["values"].items())
    assert origin["writer"] == "openai/tiny"
    assert re.fullmatch("[0-9a-f]{12}", origin["prompt"])
    # What is written already is shown, so that it is avoided, and between marks.
    assert re.search(r"<input ([0-9a-f]{12})>\n.*\n</input \1>", body(endpoint, 40))
    assert endpoint.questions[0]["temperature"] == 0.9


def body(endpoint: Endpoint, place: int) -> str:
    return str(endpoint.questions[place]["messages"][-1]["content"])


async def test_an_agent_writes_fifty_distinct_pairs_by_packet_and_repeats_are_refused(
    tmp_path: Path,
) -> None:
    project(tmp_path, CRM)
    async with client_of(tmp_path) as client:
        found = await replied(client, "generate_inputs", suite="crm", n=50)
        work, again = found["work"], 0
        assert (work["of"], work["left"]) == (50, 50)
        assert work["answer_schema"]["required"] == ["n", "create", "look_up"]
        assert set(work["answer_schema"]["properties"]) == {"n", "create", "look_up"}
        assert "with `n` in it: the number of the item" in work["instructions"]
        done: dict[str, Any] = {}
        while work is not None:
            answers = [{"n": item["n"], **pair(item["n"] - 1)} for item in work["items"]]
            if again == 0:
                answers[1] = {"n": answers[1]["n"], **pair(0)}
            done = await replied(
                client, "submit_answers", packet_id=work["packet_id"], answers=answers
            )
            if again == 0:
                (problem,) = done["refused"]
                assert re.fullmatch(r"n=2: it is the same as syn_add-ada-byron\S+", problem)
            again += 1
            work = done.get("work")
        after = await replied(client, "generate_inputs", suite="crm", n=1, dry_run=True)
    # One of them repeated another and was written anew.
    assert done["hint"].startswith("50 asked, 50 distinct kept as candidates, 51 written (")
    assert len(set(texts(tmp_path))) == 50
    assert after["coverage"] == {"cells": 26, "covered": 26}
    assert {case["provenance"]["generated"]["writer"] for case in files(tmp_path)} == {"agent:mcp"}


async def test_a_model_that_repeats_itself_makes_what_it_can_and_the_reply_says_how_many(
    tmp_path: Path,
) -> None:
    three = [json.dumps(pair(number)) for number in (0, 11, 22)]

    def parrot(question: dict[str, Any], _: int) -> tuple[int, Any]:
        return 200, completion(three[int(question["seed"]) % 3])

    with serving(parrot) as endpoint:
        project(tmp_path, CRM, endpoint.url)
        async with client_of(tmp_path) as client:
            found = await replied(client, "generate_inputs", suite="crm", n=20)
            again = await replied(client, "generate_inputs", suite="crm", n=5)
    assert found["told"].startswith("20 asked, 3 distinct kept, ")
    assert "17 could not be made: nothing of the last 2 rounds could be kept" in found["told"]
    assert found["written"] == 20 + 17 * 2
    assert len(found["unfilled"]) == 17
    # It knows nothing that is not there already.
    assert again["told"].startswith("5 asked, 0 distinct kept, 10 written; 5 could not be made")
    assert len(files(tmp_path)) == 3
    # It is told why, each time.
    assert "Your last one was not kept: it is the same as" in body(endpoint, -1)


async def test_a_model_that_swaps_a_name_in_one_sentence_is_near_and_not_distinct(
    tmp_path: Path,
) -> None:
    names = ["Ann", "Bob", "Cid", "Dan", "Eve", "Fay"]

    def sameish(question: dict[str, Any], _: int) -> tuple[int, Any]:
        name = names[int(question["seed"]) % len(names)]
        text = f"Please add the new contact {name} to the address book of the sales team"
        return 200, completion(json.dumps({"input": text}))

    with serving(sameish) as endpoint:
        project(tmp_path, {"dimensions": CRM["dimensions"]}, endpoint.url)
        async with client_of(tmp_path) as client:
            found = await replied(client, "generate_inputs", suite="crm", n=6)
    assert found["told"].startswith("6 asked, 1 distinct kept, ")
    assert set(found["rejected"]) <= {"near", "same"}
    assert found["rejected"]["near"] > 3


async def test_what_a_budget_does_not_pay_for_is_not_asked_and_what_was_kept_stays(
    tmp_path: Path,
) -> None:
    said = [json.dumps(pair(number)) for number in range(50)]
    with serving(answering(said)) as endpoint:
        project(tmp_path, CRM, endpoint.url, input_cost_per_token=0, max_tokens=100,
                output_cost_per_token=0.001, concurrency=1)  # fmt: skip
        async with client_of(tmp_path) as client:
            # One answer costs 10 tokens, a cent, and could cost ten.
            found = await replied(client, "generate_inputs", suite="crm", n=50, budget_usd=0.2)
            plan = await replied(client, "generate_inputs", suite="crm", n=50, dry_run=True)
    assert plan["ceiling_usd"] == 5
    assert found["told"].startswith(
        "50 asked, 11 distinct kept, 11 written; 39 could not be made: "
    )
    assert "the budget of $0.2 is used up" in found["told"]
    assert found["cost_usd"] == 0.11
    assert len(endpoint.questions) == len(files(tmp_path)) == 11


async def test_an_input_that_does_not_fit_its_values_is_dropped_by_a_rule_and_by_the_check(
    tmp_path: Path,
) -> None:
    long = "I would like you to add somebody whom I met last week to all of my contacts"
    rules = {"size": {"short": [{"type": "count", "of": "words", "max": 5}]}}
    inputs = {"dimensions": {"size": ["short", "long"]}, "rules": rules, "check": True}

    def answer(question: dict[str, Any], _: int) -> tuple[int, Any]:
        asked, told = question["messages"][0]["content"], question["messages"][1]["content"]
        if asked.startswith("You check"):
            fits = "find bob" not in told
            return 200, completion(json.dumps({"reasoning": "it names Bob", "fits": fits}))
        if "size: long" in told:
            return 200, completion(json.dumps({"input": long}))
        if "Your last one" not in told:
            return 200, completion(json.dumps({"input": f"{long} now"}))
        rude = "it names Bob" not in told
        return 200, completion(json.dumps({"input": "find bob" if rude else "add ann lee"}))

    with serving(answer) as endpoint:
        project(tmp_path, inputs, endpoint.url)
        async with client_of(tmp_path) as client:
            found = await replied(client, "generate_inputs", suite="crm", n=2)
    assert found["told"] == "2 asked, 2 distinct kept, 4 written"
    assert found["rejected"] == {"unfit": 2}
    assert sorted(case["input"] for case in files(tmp_path)) == [long, "add ann lee"]


async def test_an_agent_is_told_what_its_answer_lacks_and_that_its_input_breaks_a_rule(
    tmp_path: Path,
) -> None:
    rules = {"size": {"short": [{"type": "not-regex", "value": "[0-9]"}]}}
    project(tmp_path, {"dimensions": {"size": ["short"]}, "rules": rules})
    async with client_of(tmp_path) as client:
        found = await replied(client, "generate_inputs", suite="crm", n=1)
        said: list[dict[str, Any]] = [{"input": "call ann"}, {"n": 1, "input": "call ann on 555"}]
        done = await replied(
            client, "submit_answers", packet_id=found["work"]["packet_id"], answers=said
        )
    assert done["refused"] == [
        "there is no n: it is a whole number from 1 to 1",
        "n=1: size=short: the input must not match the pattern '[0-9]', but it does",
    ]


async def test_answers_that_are_no_inputs_are_tried_again_and_errors_are_told(
    tmp_path: Path,
) -> None:
    said = ["no JSON at all", "{}", '{"input": ""}', '{"input": "one fine text"}']
    with serving(answering(said)) as endpoint:
        project(tmp_path, {"dimensions": {"a": ["x"]}}, endpoint.url)
        async with client_of(tmp_path) as client:
            found = await replied(client, "generate_inputs", suite="crm", n=1)
    assert found["told"].startswith("1 asked, 0 distinct kept, 2 written; 1 could not be made")
    assert found["rejected"] == {"unreadable": 2}
    with serving(lambda _question, _: (401, {"error": {"message": "wrong key"}})) as endpoint:
        project(tmp_path, {"dimensions": {"a": ["x"]}}, endpoint.url)
        async with client_of(tmp_path) as client:
            found = await replied(client, "generate_inputs", suite="crm", n=9)
    assert found["rejected"]["errored"] >= 1
    assert "9 could not be made: openai/tiny" in found["told"]


BOT = """\
def answer(messages):
    said = messages[0]["content"] if isinstance(messages, list) else messages
    return "sorry" if "New:" in said or "pls" in said else "done"
"""


async def test_candidates_count_in_no_run_until_accepted_then_the_run_says_what_was_hard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bot.py").write_text(BOT)
    dimensions = {"form": ["polite", "blunt"]}

    def answer(question: dict[str, Any], _: int) -> tuple[int, Any]:
        polite = "form: polite" in question["messages"][1]["content"]
        mine = [n for n in range(50) if ((n + n // 10) % 5 in (0, 1)) == polite]
        mine = mine if polite else [n for n in mine if (n + n // 10) % 5 in (2, 3)]
        taken = len(endpoint.questions)
        return 200, completion(json.dumps(pair(mine[taken % len(mine)])))

    with serving(answer) as endpoint:
        project(tmp_path, {"dimensions": dimensions, **STEPS}, endpoint.url, concurrency=1)
        async with client_of(tmp_path) as client:
            made = await replied(client, "generate_inputs", suite="crm", n=4)
            before = await client.call_tool("run_suite", {"suite": "crm", "target": "bot"})
            assert before.is_error
            assert "candidate" in str(before.content)
            ids = sorted(path.stem for path in (tmp_path / "evals" / "cases" / "crm").iterdir())
            for _ in range(2):
                assert main(["--root", str(tmp_path), "accept", "crm", *ids]) == 0
            run = await replied(client, "run_suite", suite="crm", target="bot", wait_s=60)
            plan = await replied(client, "generate_inputs", suite="crm", n=9, dry_run=True)
    assert made["told"] == "4 asked, 4 distinct kept, 4 written"
    # While a server is open in this process, standard output is the protocol's.
    assert "Accepted:\n  syn_" in capsys.readouterr().err
    words = ("run", "crm", "--target", "bot", "--root", str(tmp_path))
    _, shown, _ = await to_thread.run_sync(spoken, *words)
    assert "  of 4 generated inputs 2 failed, most with form=blunt 2 of 2\n" in shown
    generated = run["generated"]
    assert (generated["failed"], generated["of"]) == (2, 4)
    assert generated["values"] == [{"value": "form=blunt", "failed": 2, "of": 2}]
    assert len(generated["cases"]) == 2
    assert plan["leans"] == "form=blunt x2.3"
    assert sum("form=blunt" in line for line in plan["plan"]) > 5


def test_accepting_keeps_the_comments_of_a_file_and_refuses_one_with_nothing_to_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, {})
    path = tmp_path / "evals" / "cases" / "crm" / "a.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("id: a\ncandidate: true # read me\n# mine\ninput: hi # stays\n")
    assert main(["--root", str(tmp_path), "accept", "crm", "b"]) == 2
    assert "There is no candidate 'b'" in capsys.readouterr().err
    assert main(["--root", str(tmp_path), "accept", "crm", "a"]) == 0
    assert path.read_text() == "id: a\n# mine\ninput: hi # stays\n"
    (tmp_path / "evals" / "suites" / "crm.yaml").write_text("{}")
    path.write_text("id: a\ncandidate: true\ninput: hi\n")
    capsys.readouterr()
    assert main(["--root", str(tmp_path), "accept", "crm", "a"]) == 2
    assert "has no assertion" in capsys.readouterr().err
    assert "candidate: true" in path.read_text()


@pytest.mark.parametrize("said", ["y", "n", ""])
def test_all_are_accepted_once_a_person_at_a_terminal_has_seen_them(
    said: str, tmp_path: Path
) -> None:
    project(tmp_path, {})
    path = tmp_path / "evals" / "cases" / "crm" / "a.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("id: a\ncandidate: true\ninput: say hi\n")
    code, out, error = spoken("accept", "crm", "--root", str(tmp_path))
    assert (code, out) == (2, "")
    assert "this is no terminal" in error
    code, out = at_a_terminal(tmp_path, [said], "accept", "crm")
    assert code == 0
    assert "a: say hi\r\nMake cases of these 1? [y/N] " in out
    assert ("Nothing was accepted." in out) == (said != "y")
    assert ("candidate: true" in path.read_text()) == (said != "y")


@pytest.mark.parametrize(
    ("inputs", "arguments", "told"),
    [
        ({}, {}, "no dimensions to draw inputs from"),
        ({"dimensions": {"a": ["x", "x"]}}, {}, "distinct values"),
        ({"dimensions": {"a": ["x"]}, "impossible": [{"a": "x"}]}, {}, "No combination"),
        ({"dimensions": {"a": ["x"]}, "impossible": [{"a": "y"}]}, {}, "no value 'y'"),
        ({"dimensions": {"a": ["x"]}}, {"n": 0}, "n is 0; it is 1 to 500"),
        ({"dimensions": {"a": ["x"]}}, {"dimensions": {"a": []}}, "dimensions are wrong"),
        ({"dimensions": {"scenario": ["x"]}}, {}, "none `feature`"),
        ({"dimensions": {"feature": ["a b"]}}, {}, "is no name of a feature"),
        ({"dimensions": {"a": ["x"]}, "model": "nope"}, {}, "There is no model 'nope'"),
        ({"dimensions": {"a": ["x"]}}, {"budget_usd": -1}, "budget_usd is more than 0"),
    ],
)
async def test_what_cannot_be_generated_is_refused_before_anything_is_spent(
    tmp_path: Path, inputs: dict[str, Any], arguments: dict[str, Any], told: str
) -> None:
    project(tmp_path, inputs)
    async with client_of(tmp_path) as client:
        reply = await client.call_tool("generate_inputs", {"suite": "crm", **arguments})
    assert reply.is_error
    assert told in str(reply.content)
    assert files(tmp_path) == []


async def test_inputs_of_traces_are_not_written_again_and_secrets_are_not_kept(
    tmp_path: Path,
) -> None:
    key = "sk-proj-" + "a1B2" * 12
    said = [json.dumps({"input": text}) for text in ("Where is my order, please?",
                                                     f"why is my key {key} broken")]  # fmt: skip
    with serving(answering(said)) as endpoint:
        project(tmp_path, {"dimensions": {"a": ["x"]}}, endpoint.url)
        (tmp_path / "log.jsonl").write_text(
            '{"input": "where is my order please", "output": "soon"}\n'
        )
        async with client_of(tmp_path) as client:
            await replied(client, "import_traces", path="log.jsonl")
            found = await replied(client, "generate_inputs", suite="crm", n=1)
    assert found["rejected"] == {"near": 1}
    assert found["compared"] == "0 cases and 1 of 1 traces"
    (case,) = files(tmp_path)
    assert "[redacted:" in case["input"]
    assert key not in json.dumps(found)


def test_the_recipe_bots_queries_are_scored_and_their_holes_named(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, {})
    path = data / "recipe_hw2_hw5" / "synthetic_queries_for_analysis.csv"
    arguments = ["--root", str(tmp_path), "import-inputs", str(path), "--suite", "crm", "--text",
                 "query", "--values", "dimension_tuple_json", "--json"]  # fmt: skip
    assert main([*arguments, "--dry-run"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert files(tmp_path) == []
    assert (found["inputs"], found["combinations"]) == (250, 50)
    assert found["dimensions"]["SkillLevelEffort"] == 3
    assert found["kept"] + sum(found["rejected"].values()) == 250
    assert found["coverage"]["covered"] + found["coverage"]["missing"] == found["coverage"]["cells"]
    assert len(found["coverage"]["holes"]) == 12
    assert main(arguments) == 0
    assert len(files(tmp_path)) == found["kept"]
    capsys.readouterr()
    # The second time all of them are there.
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == 0


def test_dimensions_and_style_are_read_off_real_traffic(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, {})
    source = data / "recipe_hw2_hw5" / "hw2_query_response.jsonl"
    root = ["--root", str(tmp_path)]
    assert main([*root, "import", str(source)]) == 0
    capsys.readouterr()
    assert main([*root, "dimensions", "crm", "--from-traces", ""]) == 0
    told = capsys.readouterr().out
    proposed = load(told)
    assert isinstance(proposed, dict)
    dimensions: Any = proposed["inputs"]
    assert set(dimensions["dimensions"]) == {"length", "form"}
    assert dimensions["style"] == {"typos": 0.04, "lowercase": 0.56, "fragments": 0}
    (tmp_path / "evals" / "suites" / "crm.yaml").write_text(json.dumps(proposed))
    # What is proposed is what a suite may hold, and it can be planned with.
    assert main([*root, "generate", "crm", "--n", "6", "--dry-run"]) == 0
    assert "length=short" in capsys.readouterr().out
