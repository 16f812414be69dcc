"""What may be filed as a case, and what proves nothing."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from regrade_server.house import House
from regrade_server.protocol.app import build_server
from regrade_tools.files.documents import load
from regrade_tools.files.workspace import Workspace
from regrade_tools.formats import Reading, Record, traces
from regrade_tools.models import Trace
from regrade_tools.secrets.redaction import redaction

pytestmark = pytest.mark.anyio
LEAK = "sk-proj-" + "a1B2" * 8
OWN = "EMP-1234"
CALL = {"id": "c1", "function": {"name": "refund", "arguments": "{}"}}
CHAT: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Never refund."},
        {"role": "user", "content": "Refund me"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "done", "tool_call_id": "c1"},
        {"role": "assistant", "content": "I refunded you."},
        {"role": "user", "content": "Thanks"},
        {"role": "assistant", "content": "Bye."},
    ]
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "suites" / "s.yaml").write_text("{}\n")
    return tmp_path


@asynccontextmanager
async def holding(root: Path, record: Any) -> AsyncGenerator[tuple[Client, str], None]:
    house = House(Workspace(root))
    found = next(iter(traces([Record("log.jsonl:1", record)], Reading(redaction()))))
    assert isinstance(found, Trace)
    async with Client(build_server(house)) as client:
        await house.store.append([found])
        yield client, found.id


async def filed(client: Client, **arguments: Any) -> tuple[bool, Any]:
    reply = await client.call_tool("file_case", {"suite": "s", "reason": "r", **arguments})
    if reply.is_error:
        return False, getattr(reply.content[0], "text", "")
    return True, reply.structured_content


async def test_the_last_turn_is_judged_with_the_calls_that_led_to_it(root: Path) -> None:
    never = [{"type": "not-tool-called", "name": "refund"}]
    async with holding(root, CHAT) as (client, trace_id):
        done, told = await filed(client, trace_id=trace_id, assertions=never)
        assert not done
        assert "What was judged is 'Bye.'" in told
        done, told = await filed(client, trace_id=trace_id, step=5, assertions=never)
        assert done
        case = load((root / told["path"]).read_text())
    assert isinstance(case, dict)
    assert case["input"] == [
        {"role": "system", "content": "Never refund."},
        {"role": "user", "content": "Refund me"},
    ]
    assert case["recorded"] == {
        "output": "I refunded you.",
        "tool_calls": [{"name": "refund", "arguments": {}, "id": "c1"}],
    }


def span(number: int, name: str, **attributes: Any) -> dict[str, Any]:
    """A span of OTLP/JSON under the first one; with an ``error`` where it is a tool."""
    failed = (
        {"status": {"code": 2, "message": "no rates"}} if "gen_ai.tool.name" in attributes else {}
    )
    return {
        "traceId": "0" * 31 + "1", "spanId": f"{number:016x}", "name": name, **failed,
        **({"parentSpanId": f"{1:016x}"} if number > 1 else {}),
        "startTimeUnixNano": str(number * 1_000_000_000), "endTimeUnixNano": "3000000000",
        "attributes": [
            {"key": key, "value": {"intValue": it} if isinstance(it, int) else {"stringValue": it}}
            for key, it in attributes.items()
        ],
    }  # fmt: skip


MEASURED = {
    "resourceSpans": [{"scopeSpans": [{"spans": [
        span(1, "chat", **{
            "gen_ai.operation.name": "chat", "gen_ai.prompt": "hi", "gen_ai.completion": "Rates?",
            "gen_ai.usage.input_tokens": 200, "gen_ai.usage.output_tokens": 66,
        }),
        span(2, "execute_tool rates", **{"gen_ai.tool.name": "rates"}),
    ]}]}],
}  # fmt: skip


@pytest.mark.parametrize("filing", [True, False])
@pytest.mark.parametrize(
    ("assertion", "why"),
    [
        ({"type": "tokens", "threshold": 10}, "must take at most 10 tokens, but it took 266"),
        ({"type": "steps", "threshold": 1}, "but it took 2 steps"),
        ({"type": "no-errors"}, "rates"),
        ({"type": "latency", "threshold": 1000}, "but it took 2000 ms"),
    ],
)
async def test_what_was_measured_of_a_trace_is_as_red_in_its_case_as_in_its_proof(
    assertion: dict[str, Any], why: str, *, filing: bool, root: Path
) -> None:
    async with holding(root, MEASURED) as (client, trace_id):
        if filing:
            done, told = await filed(client, trace_id=trace_id, assertions=[assertion])
            assert (done, why in told["failed"][0]) == (True, True), told
        else:
            # The traces of a query are cases, too.
            told = {"dataset": {"query": "", "assertions": [assertion]}}
            (root / "evals" / "suites" / "s.yaml").write_text(json.dumps(told))
        reply = await client.call_tool("run_suite", {"suite": "s", "target": "recorded"})
    assert reply.structured_content is not None
    card = reply.structured_content["cards"][0]
    assert (card["outcome"], why in card["reasons"][0]) == ("failed", True), card


async def test_what_could_not_be_measured_is_told_beside_a_failure(root: Path) -> None:
    spent = {"type": "tokens", "threshold": 9}
    async with holding(root, {"input": "a", "output": "b"}) as (client, trace_id):
        own = [{"type": "equals", "value": "c"}]
        assert (await filed(client, trace_id=trace_id, assertions=own))[0]
        (root / "evals" / "suites" / "s.yaml").write_text(json.dumps({"assertions": [spent]}))
        reply = await client.call_tool("run_suite", {"suite": "s", "target": "recorded"})
    assert reply.structured_content is not None
    assert reply.structured_content["cards"][0]["reasons"] == [
        "the output must equal 'c', but it says 'b'",
        "not measured: no number of tokens was recorded for this answer",
    ]


@pytest.mark.parametrize("step", [0, 2, 4, 8, 99])
async def test_a_step_that_is_no_answer_is_refused(step: int, root: Path) -> None:
    async with holding(root, CHAT) as (client, trace_id):
        done, told = await filed(
            client, trace_id=trace_id, step=step, assertions=[{"type": "is-json"}]
        )
    assert not done
    assert f"step {step} is no answer of the assistant" in told


@pytest.mark.parametrize(
    "assertion",
    [
        {"type": "path", "at": "actoin", "equals": "x"},
        {"type": "not-path", "at": "actoin", "equals": "x"},
        {"type": "expr", "value": "output.acton == 'x'"},
    ],
)
async def test_what_fails_only_for_a_place_that_is_not_there_may_be_misspelt(
    assertion: dict[str, Any], root: Path
) -> None:
    record = {"input": "a", "output": {"action": "buy"}}
    async with holding(root, record) as (client, trace_id):
        done, told = await filed(client, trace_id=trace_id, assertions=[assertion])
        assert not done
        assert "may be misspelt" in told
        right = {"type": "path", "at": "result", "equals": 1}
        done, _ = await filed(
            client, trace_id=trace_id, assertions=[right], corrected_output={"result": 1}
        )
        assert done


async def test_a_trace_of_a_chat_is_filed_with_the_input_that_the_program_takes(root: Path) -> None:
    check = [{"type": "equals", "value": "Goodbye"}]
    async with holding(root, CHAT) as (client, trace_id):
        _, whole = await filed(client, trace_id=trace_id, assertions=check)
        _, told = await filed(client, trace_id=trace_id, input="bye", assertions=check)
    cases: list[Any] = [load((root / one["path"]).read_text()) for one in (whole, told)]
    logged, given = cases
    # What it answered, what that took and where it stands remain those of the trace.
    changed = {key for key in logged if logged[key] != given[key]} - {"provenance"}
    assert (changed, given["input"]) == ({"id", "input"}, "bye")
    assert given["provenance"]["trace"] == trace_id
    assert told["hint"].endswith(
        "Its input is a text, and that of the other cases of s is a list of messages: where the "
        "program takes no such input, give input beside trace_id, or span_id; or let preprocess "
        "of the target make it one."
    )


async def test_a_trace_brings_its_own_output(root: Path) -> None:
    async with holding(root, CHAT) as (client, trace_id):
        done, told = await filed(
            client, trace_id=trace_id, output="y", assertions=[{"type": "equals", "value": "z"}]
        )
    assert not done
    assert told.startswith("A trace brings its own output.")


async def test_a_plain_record_tells_its_tool_calls(root: Path) -> None:
    record: dict[str, Any] = {
        "input": "a",
        "output": "b",
        "tool_calls": [{"name": "refund", "arguments": {}}],
    }
    async with holding(root, record) as (client, trace_id):
        found = await client.call_tool("search_traces", {"query": "tool:refund"})
        assert (found.structured_content or {})["total"] == 1
        never = [{"type": "not-tool-called", "name": "refund"}]
        assert (await filed(client, trace_id=trace_id, assertions=never))[0]


async def test_a_corrected_output_on_which_an_assertion_fails_is_refused(root: Path) -> None:
    async with holding(root, CHAT) as (client, trace_id):
        done, told = await filed(
            client, trace_id=trace_id, corrected_output="Good day.",
            assertions=[{"type": "contains", "value": "Goodbye"}],
        )  # fmt: skip
    assert not done
    assert told.startswith("The corrected output fails, too: the output must contain 'Goodbye'")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"assertions": [{"type": "is-json"}], "output": "x", "reason": " ."},
         "A case needs a reason: what the product did wrong, in one line. For example"),
        ({"assertions": [{"type": "contains", "value": f"my {LEAK}"}], "output": "x"},
         "Assertion 1 holds a secret, which no file may."),
        ({"assertions": [{"type": "is-json"}], "output": "x", "feature": LEAK},
         "The case cannot be filed"),
        ({"assertions": []}, "A case needs an assertion that fails on the bad output."),
        ({"assertions": [{"type": "is-json"}]}, "There is no bad output"),
        ({"assertions": [{"type": "latency", "threshold": 1}], "output": "x"},
         "An assertion could not be measured on the bad output: no latency was recorded"),
        ({"assertions": [{"type": "is-json"}], "output": "x", "suite": "t"}, "There is no suite"),
        ({"assertions": [{"type": "is-json"}], "output": "x", "feature": "../x"},
         "The case cannot be filed: feature: String should match pattern '^[A-Za-z0-9]"),
        ({"assertions": [{"type": "is-json"}], "trace_id": "tr_x"}, "There is no trace 'tr_x'"),
    ],
)  # fmt: skip
async def test_what_cannot_be_a_case_is_refused(
    arguments: dict[str, Any], told: str, root: Path
) -> None:
    async with Client(build_server(House(Workspace(root)))) as client:
        done, text = await filed(client, **arguments)
    assert not done
    assert text.startswith(told)
    assert LEAK not in text
    assert not (root / "evals" / "cases").exists()


async def test_a_case_nearly_like_another_is_filed_and_the_other_is_named(root: Path) -> None:
    wrong = [{"type": "contains", "value": "sorry"}]
    async with Client(build_server(House(Workspace(root)))) as client:
        _, first = await filed(
            client, input="two rooms in Ulm, please", output="a", assertions=wrong
        )
        _, second = await filed(
            client, input="two rooms in Ulm please", output="b", assertions=wrong
        )
    assert second["similar"] == [{"case_id": first["case_id"], "similarity": 1.0}]


async def test_an_output_alone_is_not_asked_for_what_only_a_run_knows(root: Path) -> None:
    calls = {"type": "tool-called", "name": "refund"}
    async with Client(build_server(House(Workspace(root)))) as client:
        alone = await client.call_tool("check_output", {"output": "hi", "assertions": [calls]})
        both = await client.call_tool(
            "check_output",
            {"output": "hi", "assertions": [calls, {"type": "equals", "value": "hi"}]},
        )
    assert alone.is_error
    assert both.structured_content == {
        "passed": True, "failed": [], "errored": [], "checks": 1, "not_asked": ["tool-called"],
        "with_reference": ["equals"],
    }  # fmt: skip


async def test_no_secret_is_filed_or_told_wherever_it_stood(root: Path) -> None:
    (root / "evals" / "regrade.yaml").write_text('redact: {staff: "EMP-[0-9]+"}\n')
    both = f"{LEAK} of {OWN}"
    async with Client(build_server(House(Workspace(root)))) as client:
        done, told = await filed(
            client, input={both: both}, output=f"{'long ' * 22}{both}", tags=[both],
            reason=f"tells {both}", corrected_output={"right": both},
            assertions=[{"type": "contains", "value": "right"}],
        )  # fmt: skip
    assert done
    text = (root / told["path"]).read_text()
    for said in (text, str(told), told["path"]):
        assert LEAK[:20] not in said
        assert OWN not in said
    assert told["path"].startswith("evals/cases/s/case_tells-redacted-openai-key-of-redacted-")
    gone = "[redacted:openai_key] of [redacted:staff]"
    case = load(text)
    assert isinstance(case, dict)
    assert (case["input"], case["tags"]) == ({gone: gone}, [gone])
    assert (case["reason"], case["corrected_output"]) == (f"tells {gone}", {"right": gone})
    assert case["recorded"] == {"output": f"{'long ' * 22}{gone}"}


async def test_an_answer_is_judged_with_its_secret_and_filed_without(root: Path) -> None:
    never = [{"type": "not-regex", "value": "sk-[A-Za-z0-9_-]{20}"}]
    async with Client(build_server(House(Workspace(root)))) as client:
        done, told = await filed(client, output=f"It is {LEAK}", assertions=never)
    assert done
    (reason,) = told["failed"]
    assert reason.endswith("'sk-[A-Za-z0-9_-]{20}', but it does; what shows it is redacted")
    assert "the recorded output does not" in told["hint"]
    assert LEAK not in (root / told["path"]).read_text()


async def test_a_secret_is_named_by_its_kind_and_a_negative_claim_reads_as_a_sentence(
    root: Path,
) -> None:
    asked = [
        {"type": "no-secrets"},
        {"type": "not-regex", "value": LEAK[:20]},
        {"type": "count", "of": "characters", "max": 60},
    ]
    async with Client(build_server(House(Workspace(root)))) as client:
        found = await client.call_tool("check_output", {"output": LEAK * 2, "assertions": asked})
    assert found.structured_content is not None
    gone = "what shows it is redacted"
    assert found.structured_content["failed"] == [
        "the output must show no secret, but it shows openai_key",
        f"the output must not match the pattern '{LEAK[:20]}', but it does; {gone}",
        f"the output must have at most 60 characters, but that does not hold; {gone}",
    ]


async def test_a_slow_pattern_of_the_project_is_named_when_a_case_is_filed(root: Path) -> None:
    (root / "evals" / "regrade.yaml").write_text('redact: {slow: "(?:(?:a|a)|(?:a|a))+$"}\n')
    async with Client(build_server(House(Workspace(root)))) as client:
        done, told = await filed(client, output="a" * 99 + "!", assertions=[{"type": "is-json"}])
    assert not done
    assert told.startswith("The case cannot be redacted: the pattern '(?:(?:a|a)|(?:a|a))+$' ran")


async def test_long_texts_are_clipped_in_the_reply_and_in_the_proof(root: Path) -> None:
    wrong = [{"type": "contains", "value": f"{n}" * 10_000} for n in range(30)]
    async with Client(build_server(House(Workspace(root)))) as client:
        done, told = await filed(client, input="i" * 50_000, output="o" * 50_000, assertions=wrong)
    assert done
    assert len(str(told)) < 20_000


def test_processes_that_file_one_case_at_once_make_one_file_and_one_of_them_says_so(
    root: Path,
) -> None:
    code = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "import anyio\n"
        "from regrade_server.house import House\n"
        "from regrade_tools.files.workspace import Workspace\n"
        "async def main():\n"
        "    catalog = House(Workspace(Path(sys.argv[1]))).catalog\n"
        "    tool = next(tool for tool in catalog if tool.name == 'file_case')\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    filed = await tool.method(suite='s', reason='r', output='a', input=sys.argv[2],\n"
        "        assertions=[{'type': 'contains', 'value': 'b'}])\n"
        "    print(json.dumps([filed.created, filed.path, filed.hint]))\n"
        "anyio.run(main)\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(root), "hi"], text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(process.communicate()[0]) for process in started]
    (path,) = (root / "evals" / "cases" / "s").iterdir()
    assert sorted(created for created, _, _ in told) == [False, False, False, True]
    assert {root / shown for _, shown, _ in told} == {path}
    there = {hint for created, _, hint in told if not created}
    assert there == {"This very case is filed already; nothing was written."}


async def test_a_case_that_is_filed_already_is_told_with_what_its_file_lacks_of_the_call(
    root: Path,
) -> None:
    case: dict[str, Any] = {
        "input": "Where is A200?", "output": "a", "assertions": [{"type": "contains", "value": "b"}]
    }  # fmt: skip
    more = {
        "tags": ["critical", "late"], "corrected_output": "b", "feature": "orders",
        "scenario": "late", "reason": "It never looked",
    }  # fmt: skip
    async with Client(build_server(House(Workspace(root)))) as client:
        _, first = await filed(client, **case, tags=["late"])
        before = (root / first["path"]).read_text()
        _, same = await filed(client, **case)
        _, again = await filed(client, **case, **more)
    assert same["hint"] == "This very case is filed already; nothing was written."
    assert again | {"hint": ""} == same | {"hint": ""}
    assert again["hint"] == (
        "A case of this input and these assertions is filed already, and nothing was written. Its "
        """file lacks what this call says: tags ["critical"], feature 'orders', scenario 'late', """
        f"reason 'It never looked', corrected_output. Edit {first['path']} to add it."
    )
    assert (root / first["path"]).read_text() == before


async def test_a_case_that_is_a_row_already_is_told_with_the_file_of_its_rows(root: Path) -> None:
    (root / "evals" / "data").mkdir()
    (root / "evals" / "data" / "q.jsonl").write_text('{"q": "hi"}\n')
    wrong = {"type": "contains", "value": "b"}
    dataset = {"file": "evals/data/q.jsonl", "input": "q", "assertions": [wrong]}
    (root / "evals" / "suites" / "s.yaml").write_text(json.dumps({"dataset": dataset}))
    async with Client(build_server(House(Workspace(root)))) as client:
        _, told = await filed(client, input="hi", output="a", assertions=[wrong], tags=["critical"])
    assert (told["created"], told["path"]) == (False, "evals/data/q.jsonl")
    assert "Edit evals/data/q.jsonl to add it." in told["hint"]


async def test_a_case_that_appears_while_another_is_filed_is_never_overwritten(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [{"type": "contains", "value": "b"}]
    async with Client(build_server(House(Workspace(root)))) as client:
        _, tried = await filed(client, output="a", assertions=wrong, dry_run=True)
        path = root / tried["path"]
        theirs = f"id: {path.stem}\nassertions: [{{type: is-json}}]\n"
        write_new = Workspace.write_new

        def late(self: Workspace, to: Path, text: str) -> bool:
            to.parent.mkdir(parents=True)
            to.write_text(theirs)
            return write_new(self, to, text)

        monkeypatch.setattr(Workspace, "write_new", late)
        done, told = await filed(client, output="a", assertions=wrong)
    assert not done
    assert told.startswith(f"{tried['path']} is there already and holds another case")
    assert path.read_text() == theirs


@pytest.mark.parametrize("name", ["c.yml", "c.YAML", "c.json"])
async def test_a_case_file_that_would_not_be_read_is_told_of(name: str, root: Path) -> None:
    (root / "evals" / "cases" / "s").mkdir(parents=True)
    (root / "evals" / "cases" / "s" / name).write_text("id: c\nassertions: [{type: is-json}]\n")
    (root / "evals" / "suites" / "t.yml").write_text("{}\n")
    async with Client(build_server(House(Workspace(root)))) as client:
        told = await client.call_tool("overview", {})
        ran = await client.call_tool("run_suite", {"suite": "s"})
    problem = f"evals/cases/s/{name} is not read: its name does not end in .yaml."
    assert (told.structured_content or {})["problems"] == [
        "evals/suites/t.yml is not read: its name does not end in .yaml.",
        problem,
    ]
    assert ran.is_error
    assert getattr(ran.content[0], "text", "") == f"{problem} Rename it to c.yaml, or take it away."


async def test_files_in_a_folder_of_a_suite_or_of_suites_are_told_of_and_not_passed_over(
    root: Path,
) -> None:
    for name in ("cases/s/sub/deep/c.yaml", "suites/old/t.yaml", "cases/s/.hidden/d.yaml"):
        path = root / "evals" / name
        path.parent.mkdir(parents=True)
        path.write_text("id: c\nassertions: [{type: is-json}]\n")
    (root / "evals" / "cases" / "s" / "around").symlink_to("sub")
    async with Client(build_server(House(Workspace(root)))) as client:
        told = await client.call_tool("overview", {})
        ran = await client.call_tool("run_suite", {"suite": "s"})
    problem = "evals/cases/s/sub/deep/c.yaml is not read: it lies in a folder of evals/cases/s."
    assert (told.structured_content or {})["problems"] == [
        "evals/suites/old/t.yaml is not read: it lies in a folder of evals/suites.",
        problem,
    ]
    assert ran.is_error
    assert getattr(ran.content[0], "text", "") == (
        f"{problem} Move it to evals/cases/s/c.yaml, or take it away."
    )


async def test_times_of_spans_are_written_to_the_microsecond(root: Path) -> None:
    began = 1_790_812_800.123
    record = {
        "input": "q", "output": "bad", "timestamp": began, "latency_ms": 712.9998207092285,
        "ttft_ms": 40.12345678,
    }  # fmt: skip
    async with holding(root, record) as (client, trace_id):
        done, told = await filed(
            client, trace_id=trace_id, assertions=[{"type": "contains", "value": "good"}]
        )
    assert done, told
    text = (root / told["path"]).read_text()
    assert "  latency_ms: 713\n" in text
    assert "  ttft_ms: 40.123\n" in text
