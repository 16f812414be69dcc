import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import JsonValue

from regrade_tools.formats import Reading, Record, Skipped, files, records, traces
from regrade_tools.models import Trace
from regrade_tools.refusal import Refusal
from regrade_tools.secrets.redaction import redaction

OTLP = [
    "litellm_otel_callback.otlp",
    "openinference_litellm.otlp",
    "openinference_openai.otlp",
    "otel_openai_v2_latest_experimental.otlp",
    "otel_proto_example_trace",
    "protojson_base64_ids.otlp",
    "pydantic_ai_v2.otlp",
    "pydantic_ai_v3.otlp",
]
COURSES = "promptfoo/anthropic_courses"
TABLES = [
    f"{COURSES}/05_prompt_foo_code_graded_animals/animal_legs_tests.csv",
    f"{COURSES}/06_prompt_foo_code_graded_classification/dataset.csv",
]


def read(path: Path) -> list[Trace]:
    """Every trace of the file, which holds nothing that would be skipped."""
    found = list(traces(records(path, path.name), Reading(redaction())))
    assert [item for item in found if isinstance(item, Skipped)] == []
    return [item for item in found if isinstance(item, Trace)]


def trace_ids(value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from trace_ids(item)
    if isinstance(value, dict):
        logged = value.get("traceId")
        if isinstance(logged, str):
            yield logged
        for item in value.values():
            yield from trace_ids(item)


def test_a_hundred_chats_that_are_all_called_root_are_a_hundred_traces(data: Path) -> None:
    found = read(data / "nurtureboss/nurtureboss_traces_labeled.json")
    assert {trace.external_id for trace in found} == {"root"}
    assert len({trace.id for trace in found}) == 100
    assert sum(len(trace.messages) for trace in found) == 1_198


def test_a_zipped_table_of_chats_keeps_every_row(data: Path) -> None:
    found = read(data / "nurtureboss/nurtureboss_logs.csv.gz")
    assert {trace.name for trace in found} == {"root"}
    assert len({trace.id for trace in found}) == 100
    assert all(trace.started_at for trace in found)


def test_the_trajectories_of_an_agent_keep_every_message_and_tool_call(data: Path) -> None:
    found = read(data / "taubench/gpt-4o-airline.json.gz")
    assert len({trace.id for trace in found}) == 200
    assert sum(len(trace.messages) for trace in found) == 5_308
    assert sum(len(trace.tool_calls) for trace in found) == 1_164
    with gzip.open(data / "taubench/gpt-4o-airline.json.gz") as file:
        logged = json.load(file)
    said = [[message["content"] or "" for message in record["traj"]] for record in logged]
    assert [[message.content for message in trace.messages] for trace in found] == said


def test_queries_with_their_responses_become_inputs_with_outputs(data: Path) -> None:
    path = data / "recipe_hw2_hw5/hw2_query_response.jsonl"
    logged = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    expected = [(record["id"], record["query"], record["response"]) for record in logged]
    found = [(trace.external_id, trace.input, trace.output) for trace in read(path)]
    assert len(found) == 250
    assert found == expected


@pytest.mark.parametrize("name", OTLP)
def test_each_trace_id_of_an_export_is_one_trace(name: str, data: Path) -> None:
    path = data / f"otlp_json/{name}.json"
    logged = set(trace_ids(json.loads(path.read_text("utf-8"))))
    found = read(path)
    assert len({trace.id for trace in found}) == len(found) == len(logged)
    assert all(len(trace.external_id) == 32 for trace in found)


def test_times_that_javascript_wrote_in_halves_are_read(data: Path) -> None:
    cases = json.loads((data / "otlp_json/langfuse_otel_mapping_cases.json").read_text("utf-8"))
    halves: list[float | None] = []
    found: list[float | None] = []
    for case in cases:
        (span,) = case["otlp"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
        time = span.get("startTimeUnixNano")
        halves.append(time and ((time["high"] << 32) + time["low"]) / 1e9)
        (trace,) = traces([Record("case", case["otlp"])], Reading(redaction()))
        found.append(trace.started_at if isinstance(trace, Trace) else -1.0)
    assert found == halves


@pytest.mark.parametrize("name", TABLES)
def test_each_row_of_a_promptfoo_table_is_a_trace(name: str, data: Path) -> None:
    with (data / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = read(data / name)
    assert [trace.raw for trace in found] == rows
    assert [trace.metadata["__expected"] for trace in found] == [row["__expected"] for row in rows]


@pytest.mark.parametrize(
    "name", ["nurtureboss/nurtureboss_logs.csv.gz", "otlp_json/pydantic_ai_v3.otlp.json"]
)
def test_a_second_reading_gives_the_same_traces(name: str, data: Path) -> None:
    assert read(data / name) == read(data / name)


def test_a_folder_and_a_glob_mean_the_logs_in_them(data: Path) -> None:
    exports = sorted((data / "otlp_json").glob("pydantic_ai_v*.json"))
    assert [found.path for found in files(data / "otlp_json/pydantic_ai_v*.json")] == exports
    everything = files(data / "nurtureboss")
    assert [(found.path.name, found.problem) for found in everything] == [
        ("nurtureboss_logs.csv.gz", ""),
        ("nurtureboss_traces_labeled.json", ""),
    ]


@pytest.mark.parametrize("path", ["no such file", "**.json", "x" * 5_000, "a\0b"], ids=len)
def test_a_path_that_means_no_file_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal):
        files(tmp_path / path)
