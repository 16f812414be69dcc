"""Rows of files and traces of the store as the cases of a suite."""

import base64
import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regrade_server.cli import main

ROWS = [
    {"question": "2 + 2", "answer": "4", "right": "4", "level": "easy", "n": 1},
    {"question": "3 * 3", "answer": "6", "right": "9", "level": "hard", "n": 2},
    {"question": "7 - 5", "answer": "2", "right": "2", "level": "easy", "n": 3},
]
DATASET = {
    "file": "evals/data/rows.jsonl",
    "input": "question",
    "output": "answer",
    "expected": "right",
    "assertions": [{"type": "equals", "value": "{{right}}"}],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "evals" / "suites").mkdir(parents=True)
    (tmp_path / "evals" / "data").mkdir()
    return tmp_path


def suite(root: Path, dataset: dict[str, Any], **more: Any) -> None:
    text = json.dumps({"dataset": dataset, **more})
    (root / "evals" / "suites" / "sums.yaml").write_text(text)


def says(value: str, kind: str = "equals") -> dict[str, Any]:
    return {"assertions": [{"type": kind, "value": value}]}


def lines(root: Path, rows: list[Any], name: str = "rows.jsonl") -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "evals" / "data" / name).write_text(text)


def ran(
    root: Path, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 1
) -> dict[str, Any]:
    assert main(["run", "sums", "--root", str(root), "--json", *arguments]) == code
    return json.loads(capsys.readouterr().out)


def refused(root: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["run", "sums", "--root", str(root)]) == 2
    return capsys.readouterr().err


def figures(report: dict[str, Any]) -> tuple[int, int, int]:
    told = report["summary"]
    return told["passed"], told["failed"], told["errored"]


def test_each_row_is_a_case_with_its_own_expectation(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(root, ROWS)
    suite(root, DATASET)
    report = ran(root, capsys)
    assert figures(report) == (2, 1, 0)
    card = report["cards"][0]
    assert (card["input"], card["output"]) == ("3 * 3", "6")
    assert card["reasons"] == ["the output must equal '9', but it says '6'"]
    assert figures(ran(root, capsys, "--target", "corrected", code=0)) == (3, 0, 0)


def test_a_case_keeps_its_id_when_rows_are_added_moved_or_labelled_anew(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(root, ROWS)
    suite(root, DATASET)
    before = ran(root, capsys, "--save-baseline")["cards"][0]["case_id"]
    lines(root, [{**ROWS[0], "question": "new"}, *reversed(ROWS)])
    report = ran(root, capsys, "--baseline", "evals/baselines/sums.json")
    assert report["cards"][0]["case_id"] == before
    assert len(report["comparison"]["added"]) == 1
    assert report["comparison"]["loosened"] == []


def test_a_row_that_is_gone_shows_as_loosened(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(root, ROWS)
    suite(root, {**DATASET, "id": "n"})
    ran(root, capsys, "--save-baseline")
    lines(root, ROWS[:2])
    report = ran(root, capsys, "--baseline", "evals/baselines/sums.json")
    assert len(report["comparison"]["loosened"]) == 1
    assert "3" in report["comparison"]["loosened"][0]


def test_a_gate_names_the_file_that_holds_a_row_and_the_suite_of_a_trace(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(root, ROWS)
    suite(root, DATASET)
    case = {"id": "own", "input": "1 + 1", "recorded": {"output": "2"}, **says("3")}
    (root / "evals" / "cases" / "sums").mkdir(parents=True)
    (root / "evals" / "cases" / "sums" / "own.yaml").write_text(json.dumps(case))
    gate = ["gate", "sums", "--root", str(root), "--json"]
    assert main(gate) == 1
    told = json.loads(capsys.readouterr().out)["cases"]
    assert [one["path"] for one in told] == [
        "evals/cases/sums/own.yaml", *["evals/data/rows.jsonl"] * 3,
    ]  # fmt: skip

    (root / "log.jsonl").write_text('{"input": "a", "output": "b"}\n')
    assert main(["import", "--root", str(root), str(root / "log.jsonl")]) == 0
    suite(root, {"query": "", **says("c")})
    capsys.readouterr()
    assert main([*gate, "--strict"]) == 1
    told = json.loads(capsys.readouterr().out)["cases"]
    assert {one["path"] for one in told} == {
        "evals/cases/sums/own.yaml", "evals/suites/sums.yaml",
    }  # fmt: skip


def test_ids_tags_and_the_grid_come_from_fields_and_select_cases(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(root, [{**row, "words": ["x", row["level"]]} for row in ROWS])
    suite(root, {**DATASET, "id": "n", "tags": "words", "feature": "level"})
    report = ran(root, capsys, "--select", "tag:hard")
    assert [card["case_id"] for card in report["cards"]] == ["2"]
    assert report["cards"][0]["tags"] == ["x", "hard"]
    assert report["cards"][0]["feature"] == "hard"
    assert figures(ran(root, capsys, "--select", "feature:easy", code=0)) == (2, 0, 0)


def test_a_row_may_lack_its_tags_its_place_in_the_grid_and_what_is_expected(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"n": 1, "question": "2 + 2", "answer": "5"}
    full = {"tags": ["slow"], "topic": "sums", "kind": "plus", "right": "4"}
    lines(root, [asked, {**asked, **full, "n": 2}])
    fields = {"tags": "tags", "feature": "topic", "scenario": "kind", "expected": "right"}
    suite(root, {**DATASET, "id": "n", **fields, **says("4")})
    told = [
        (card["case_id"], card.get("tags"), card.get("feature"), card.get("scenario"))
        for card in ran(root, capsys)["cards"]
    ]
    assert sorted(told) == [("1", None, None, None), ("2", ["slow"], "sums", "plus")]


@pytest.mark.parametrize("field", ["tags", "feature", "scenario", "expected"])
def test_a_field_that_no_row_has_is_refused_though_a_row_may_lack_it(
    field: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(root, ROWS)
    suite(root, {**DATASET, field: "topc"})
    assert "evals/data/rows.jsonl:1 has no field 'topc' (its fields: question, answer, " in refused(
        root, capsys
    )


def test_where_and_limit_choose_rows_and_a_mapping_makes_the_input_an_object(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(root, ROWS)
    asked = {**DATASET, "where": {"level": ["easy", "hard"], "n": 2}, "limit": 1}
    suite(root, {**asked, "input": {"q": "question", "number": "n"}})
    report = ran(root, capsys)
    assert [card["input"] for card in report["cards"]] == [{"q": "3 * 3", "number": 2}]
    suite(root, {**DATASET, "limit": 1})
    # The rest of the file is not even read.
    (root / DATASET["file"]).write_text(json.dumps(ROWS[0]) + "\n{broken\n")  # type: ignore[operator]
    assert figures(ran(root, capsys, code=0)) == (1, 0, 0)


def test_a_csv_is_read_with_numbers_as_the_texts_they_are(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'question,answer,right,n\n"2, or\n3",4,4,1\n3 * 3,6,9,2\n'
    (root / "evals" / "data" / "rows.csv").write_text(text)
    suite(root, {**DATASET, "file": "evals/data/rows.csv", "where": {"n": [1, 2]}})
    assert figures(ran(root, capsys)) == (1, 1, 0)


def test_two_rows_with_one_input_are_two_cases(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(root, [ROWS[1], {**ROWS[1], "answer": "9"}, ROWS[1]])
    suite(root, DATASET)
    report = ran(root, capsys)
    first, second = (card["case_id"] for card in report["cards"])
    assert second == f"{first}-3"
    assert figures(report) == (1, 2, 0)


@pytest.mark.parametrize(
    ("row", "change", "problem"),
    [
        ("{broken", {}, "evals/data/rows.jsonl:2 is not JSON"),
        ("[1, 2]", {}, "evals/data/rows.jsonl:2#1 is no object of fields."),
        ('{"answer": 1}', {}, "evals/data/rows.jsonl:2 has no field 'question'"),
        ('{"question": "x", "answer": 1, "right": ""}', {"id": "n"}, "2 has no field 'n'"),
        (json.dumps(ROWS[1]), {"id": "right"}, ""),
        (json.dumps(ROWS[0]), {"id": "right"}, "rows.jsonl:2 has the id '4' of evals/data/rows"),
        (json.dumps({**ROWS[0], "n": ""}), {"id": "n"}, "rows.jsonl:2 has an empty 'n'."),
        (json.dumps({**ROWS[0], "level": "a b"}), {"feature": "level"}, "does not fit: feature"),
        (json.dumps(ROWS[1]), says("a {{rihgt}}"), "'rihgt' is undefined"),
        (json.dumps(ROWS[1]), says("{{rihgt}}"), "there is no 'rihgt'; it has answer"),
        (json.dumps(ROWS[1]), says("{% for x in n %}{% endfor %}"), "for is no part"),
        (json.dumps(ROWS[1]), says("{{ right * 99999 }}"), "mul is no part"),
        (json.dumps(ROWS[1]), says("{{ right() }}"), "call is no part"),
        (json.dumps(ROWS[1]), says("{{n}}", "contains"), "value: Input should be a valid string"),
        ("", {"file": "evals/data/rows.txt"}, "evals/data/rows.txt is not there."),
        ("", {"file": "evals"}, "is no folder that `save_to_disk`"),
        ("", {"file": "../rows.jsonl"}, "'../rows.jsonl' lies outside the workspace"),
        ("", {"query": "x"}, "give either file or query"),
        ("", {"colour": "x"}, "dataset: unknown field 'colour'"),
    ],
)  # fmt: skip
def test_a_row_or_a_dataset_that_does_not_fit_is_refused_with_its_place(
    row: str, change: dict[str, Any], problem: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "evals" / "data" / "rows.jsonl").write_text(f"{json.dumps(ROWS[0])}\n{row}\n")
    suite(root, {**DATASET, **change})
    if problem:
        assert problem in refused(root, capsys)
    else:
        ran(root, capsys)


def test_a_dataset_behind_a_link_out_of_the_workspace_is_refused(
    root: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "rows.jsonl"
    outside.write_text(json.dumps(ROWS[0]))
    (root / "evals" / "data" / "rows.jsonl").symlink_to(outside)
    suite(root, DATASET)
    assert "lies outside the workspace" in refused(root, capsys)


def test_the_overview_counts_rows_and_names_a_broken_one(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(root, ROWS)
    suite(root, DATASET)
    main(["call", "overview", "--root", str(root)])
    assert json.loads(capsys.readouterr().out)["suites"][0]["cases"] == 3
    lines(root, [*ROWS, {"x": 1}])
    main(["call", "overview", "--root", str(root)])
    told = json.loads(capsys.readouterr().out)
    assert told["problems"][0].startswith("evals/data/rows.jsonl:4 has no field 'question'")


def test_a_case_that_is_a_file_and_a_row_is_named_wherever_the_suite_is_looked_at(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines(root, [{**row, "name": f"c{row['n']}"} for row in ROWS])
    suite(root, {**DATASET, "id": "name"})
    (root / "evals" / "cases" / "sums").mkdir(parents=True)
    (root / "evals" / "cases" / "sums" / "c2.yaml").write_text(
        '{"id": "c2", "input": "1", "assertions": [{"type": "equals", "value": "1"}]}'
    )
    told = "The case 'c2' is a file and a row of the dataset of 'sums'."
    assert told in refused(root, capsys)
    for asked in ("{}", '{"name": "sums"}'):
        main(["call", "overview", asked, "--root", str(root)])
        found = json.loads(capsys.readouterr().out)
        assert (found["problems"], found["suites"]) == (
            [told], [{"suite": "sums", "problem": "a file of it is wrong, see problems"}],
        )  # fmt: skip


def test_traces_of_the_store_are_cases_with_what_was_answered(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = root / "log.jsonl"
    lines(root, [{"input": "hello", "output": "hi", "tags": ["prod"]},
                 {"input": "bye", "output": "sorry"}], "../../log.jsonl")  # fmt: skip
    suite(root, {"query": "tag:nightly"}, assertions=[{"type": "not-contains", "value": "sorry"}])
    assert "No stored trace matches the dataset's query 'tag:nightly'" in refused(root, capsys)
    main(["import", str(log), "--tag", "nightly", "--root", str(root)])
    capsys.readouterr()
    report = ran(root, capsys)
    assert figures(report) == (1, 1, 0)
    card = report["cards"][0]
    assert card["case_id"].startswith("tr_")
    assert (card["input"], card["output"]) == ("bye", "sorry")
    suite(
        root, {"query": "tag:nightly", "limit": 1}, assertions=[{"type": "contains", "value": "h"}]
    )
    assert sum(figures(ran(root, capsys, code=1))) == 1


def arrow_table() -> Any:
    return pytest.importorskip("pyarrow").table(
        {key: [row[key] for row in ROWS] for key in ROWS[0]}
    )


def test_a_parquet_file_is_a_dataset(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = arrow_table()
    importlib.import_module("pyarrow.parquet").write_table(
        table, root / "evals" / "data" / "rows.parquet", row_group_size=2
    )
    suite(root, {**DATASET, "file": "evals/data/rows.parquet", "id": "n"})
    report = ran(root, capsys)
    assert figures(report) == (2, 1, 0)
    assert report["cards"][0]["case_id"] == "2"
    suite(root, {**DATASET, "file": "evals/data/rows.parquet", "id": "none"})
    assert "evals/data/rows.parquet#1 has no field 'none'" in refused(root, capsys)
    (root / "evals" / "data" / "rows.parquet").write_bytes(b"PAR1 but not really")
    assert "evals/data/rows.parquet#1 cannot be read" in refused(root, capsys)


@pytest.mark.parametrize("kind", ["stream", "file"])
def test_a_dataset_saved_by_hugging_face_is_read_from_its_folder(
    kind: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = arrow_table()
    folder = root / "evals" / "data" / "saved" / "test"
    folder.mkdir(parents=True)
    name = "data-00000-of-00001.arrow"
    ipc = importlib.import_module("pyarrow.ipc")
    with getattr(ipc, f"new_{kind}")(str(folder / name), table.schema) as writer:
        writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    (folder.parent / "dataset_dict.json").write_text('{"splits": ["test"]}')
    suite(root, {**DATASET, "file": "evals/data/saved"})
    assert "holds several splits: test" in refused(root, capsys)
    suite(root, {**DATASET, "file": "evals/data/saved/test"})
    assert figures(ran(root, capsys)) == (2, 1, 0)
    (folder / "state.json").write_text('{"_data_files": [{"filename": "../../rows.jsonl"}]}')
    assert "is no folder that `save_to_disk`" in refused(root, capsys)


def test_what_json_cannot_say_is_read_as_its_usual_text(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "import sys, datetime, decimal, pyarrow, pyarrow.parquet\n"
        "day = datetime.datetime(2026, 11, 2)\n"
        "pyarrow.parquet.write_table(pyarrow.table({'input': [[day]], 'output':"
        " [{'cost': decimal.Decimal('1.50'), 'raw': b'ab', 'no': float('nan')}]}), sys.argv[1])"
    )
    pytest.importorskip("pyarrow")
    file = root / "evals" / "data" / "odd.parquet"
    subprocess.run([sys.executable, "-c", code, str(file)], check=True)
    suite(root, {"file": "evals/data/odd.parquet", "output": "output"},
          assertions=[{"type": "path", "at": "no", "equals": 1}])  # fmt: skip
    card = ran(root, capsys)["cards"][0]
    assert card["input"] == ["2026-11-02T00:00:00"]
    assert card["output"] == {"cost": 1.5, "raw": base64.b64encode(b"ab").decode(), "no": None}


def test_times_to_the_nanosecond_are_read_to_the_nanosecond(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrow = pytest.importorskip("pyarrow")
    moment, when = arrow.timestamp("ns"), 1_700_000_000_123_456_789
    columns = {
        "coarse": arrow.array([10**9], moment),
        "fine": arrow.array([when], moment),
        "berlin": arrow.array([when], arrow.timestamp("ns", "Europe/Berlin")),
        "time": arrow.array([1], arrow.time64("ns")),
        "took": arrow.array([1_500_000_001], arrow.duration("ns")),
        "none": arrow.array([None], moment),
        "in_list": arrow.array([[{"at": when}]], arrow.list_(arrow.struct({"at": moment}))),
        "in_map": arrow.array([[("a", when)]], arrow.map_(arrow.string(), moment)),
        "shared": arrow.array([when], moment).dictionary_encode(),
        "plain": arrow.array(["x"]),
    }
    table = arrow.table({**columns, "input": arrow.array(["a"])})
    path = root / "evals" / "data" / "rows.arrow"
    with importlib.import_module("pyarrow.ipc").new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    read: dict[str, Any] = {}
    for name in columns:
        suite(root, {"file": "evals/data/rows.arrow", "output": name}, **says("y"))
        read[name] = ran(root, capsys)["cards"][0].get("output")
    fine = "2023-11-14T22:13:20.123456789"
    assert read == {
        "coarse": "1970-01-01T00:00:01",
        "fine": fine,
        "berlin": "2023-11-14T23:13:20.123456789+01:00",
        "time": "00:00:00.000000001",
        "took": 1.500000001,
        "none": None,
        "in_list": [{"at": fine}],
        "in_map": [["a", fine]],
        "shared": fine,
        "plain": "x",
    }


def shared(text: str, times: int) -> Any:
    """So many rows of one text, which is held once."""
    arrow = pytest.importorskip("pyarrow")
    places = arrow.array([0] * times, arrow.int32())
    return arrow.DictionaryArray.from_arrays(places, arrow.array([text]))


def in_a_list(rows: Any) -> Any:
    arrow = pytest.importorskip("pyarrow")
    return arrow.ListArray.from_arrays(arrow.array([0, len(rows)], arrow.int32()), rows)


def beyond(kind: str) -> Any:
    arrow = pytest.importorskip("pyarrow")
    return arrow.array([2**62], arrow.int64()).cast(getattr(arrow, kind)("s"))


def pointing_out() -> Any:
    arrow = pytest.importorskip("pyarrow")
    places = arrow.array([1_000_000], arrow.int32())
    return arrow.DictionaryArray.from_arrays(places, arrow.array(["a"]), safe=False)


def views() -> Any:
    arrow = pytest.importorskip("pyarrow")
    starts, lengths = (arrow.array([n] * 9, arrow.int32()) for n in (0, 1))
    return arrow.ListViewArray.from_arrays(starts, lengths, arrow.array(["a"]))


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (lambda: [shared("a", 600), shared("a" * 2**20, 600)], "is more than a suite can hold"),
        (lambda: [in_a_list(shared("a" * 2**20, 600))], "its row is larger than 64 MB"),
        (lambda: [shared("a", 1)] * 3, "it has several columns called 'text'"),
        (lambda: [beyond("timestamp")], "cannot be read: Python int too large"),
        (lambda: [beyond("duration")], "#1 cannot be read: Python int too large"),
        (lambda: [pointing_out()], "Dictionary indices invalid"),
        (lambda: [views()], "list_view<item: string> is not read"),
    ],
)
def test_a_small_file_that_stands_for_more_than_it_holds_is_refused(
    columns: Callable[[], list[Any]], why: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = columns()
    table = pytest.importorskip("pyarrow").table(held, names=["input", "text", "text"][: len(held)])
    path = root / "evals" / "data" / "rows.arrow"
    with importlib.import_module("pyarrow.ipc").new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    suite(root, {"file": "evals/data/rows.arrow", "output": "input"}, **says("a", "contains"))
    assert why in refused(root, capsys)


def test_texts_that_the_rows_of_a_parquet_file_share_are_not_repeated_before_they_are_counted(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "evals" / "data" / "rows.parquet"
    table = pytest.importorskip("pyarrow").table({"input": in_a_list(shared("a" * 2**20, 200))})
    importlib.import_module("pyarrow.parquet").write_table(
        table, path, compression="zstd", store_schema=False, dictionary_pagesize_limit=2**30
    )
    assert path.stat().st_size < 1_000_000
    suite(root, {"file": "evals/data/rows.parquet", "output": "input"}, **says("a", "contains"))
    assert "its row is larger than 64 MB" in refused(root, capsys)


def test_what_shares_texts_is_read_as_what_repeats_them(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrow = pytest.importorskip("pyarrow")
    held = [shared("a", 3), arrow.array(["x", "y", None], arrow.string_view()),
            arrow.array([[("k", 1)], [], None], arrow.map_(arrow.string(), arrow.int64())),
            arrow.array([{"b": ["c"]}, None, {"b": []}])]  # fmt: skip
    table = arrow.table(held, names=["input", "view", "map", "output"])
    path = root / "evals" / "data" / "rows.arrow"
    with importlib.import_module("pyarrow.ipc").new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    suite(root, {"file": "evals/data/rows.arrow", "output": "output"}, **says("c", "contains"))
    cards = ran(root, capsys)["cards"]
    assert [(card["input"], card.get("output")) for card in cards] == [
        ("a", None),
        ("a", {"b": []}),
    ]


def test_without_pyarrow_a_parquet_file_is_refused_with_what_to_install(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "evals" / "data" / "rows.parquet").write_bytes(b"PAR1")
    suite(root, {**DATASET, "file": "evals/data/rows.parquet"})
    # None in this table is how Python itself says that a module cannot be imported.
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    told = refused(root, capsys)
    assert "pyarrow, which is not installed" in told
    assert "pip install '.[parquet]'" in told
