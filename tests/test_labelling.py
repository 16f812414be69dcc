"""People who label at a terminal: a real one."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
from console import answered, spoken
from labelled import PASSES, judge_file, know, label_row, private_key, ways, write_labels
from terminal import at_a_terminal, in_a_process

from regrade_server.cli import main
from regrade_server.house import House
from regrade_tools.files.workspace import Workspace
from regrade_tools.labels.labelbook import LabelBook, LabelRow
from regrade_tools.labels.labelling import Criterion
from regrade_tools.labels.queue import Queue
from regrade_tools.labels.sheets import CELL, table
from regrade_tools.models import Drawn


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a judge, four traces and one person, ada."""
    monkeypatch.setenv("REGRADE_KEYS", str(tmp_path / "keys"))
    folder = tmp_path / "repository"
    judge_file(folder, "diet", "")
    lines = [
        json.dumps({"input": f"question {n}", "output": f"answer\u001b[2J {n}"}) for n in range(4)
    ]
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n")
    assert main(("import", str(folder / "log.jsonl"), "--root", str(folder))) == 0
    assert main(("labeller", "ada", "--root", str(folder))) == 0
    return folder


def book(root: Path) -> LabelBook:
    labelling = House(Workspace(root)).labelling
    return labelling.book(labelling.criterion("diet"))


def suggested(root: Path) -> str:
    """A trace of which an agent has said something."""
    _, found = answered("search", "question", "--limit", "1", "--root", str(root))
    trace = found["traces"][0]["id"]
    given = {
        "criterion": "diet",
        "labels": [{"trace_id": trace, "verdict": "fail", "critique": "SUGGESTED", "mode": "fat"}],
    }
    assert main(("call", "label_traces", json.dumps(given), "--root", str(root))) == 0
    return str(trace)


def test_a_person_labels_goes_back_skips_and_leaves_and_every_answer_is_signed(root: Path) -> None:
    typed = ["y", "it keeps to it", "u", "n", "butter", "too fat", "s", "n", "eggs", "1", "q"]
    code, shown = at_a_terminal(root, typed, "label", "diet", start=in_a_process)
    assert code == 0, shown
    assert "2 labelled by diet, signed as ada." in shown
    assert PASSES in shown
    assert "\x1b" not in shown
    found = book(root)
    said = [(truth.verdict, truth.row.label.critique) for truth in found.truths]
    assert said == [("fail", "butter"), ("fail", "eggs")]
    assert (found.untrusted, ways(found)) == ((), {"random"})
    assert found.truths[0].row.label.mode == "too fat"
    assert all(truth.row.label.group == truth.row.label.trace_id for truth in found.truths)
    # What was labelled is not asked again.
    code, shown = at_a_terminal(root, ["q"], "label", "diet")
    assert "1 of 2" in shown


def test_an_answer_that_is_typed_while_there_is_more_to_show_is_taken(root: Path) -> None:
    log = root / "long.jsonl"
    log.write_text(json.dumps({"input": "Why?", "output": "\n".join(map(str, range(99)))}))
    assert main(("import", str(log), "--root", str(root))) == 0
    typed = ["", "n", "too long", "", "q"]
    code, shown = at_a_terminal(root, typed, "label", "diet", "why")
    assert code == 0, shown
    assert "Enter for more, or an answer: line 41" in shown
    assert "line 61" not in shown
    said = [(truth.verdict, truth.row.label.critique) for truth in book(root).truths]
    assert said == [("fail", "too long")]


def test_of_a_trace_that_failed_a_person_is_told_so_at_a_terminal_and_in_a_sheet(
    root: Path,
) -> None:
    failed = {"input": "Why?", "output": None, "error": "upstream timed out"}
    (root / "failed.jsonl").write_text(json.dumps(failed))
    assert main(("import", str(root / "failed.jsonl"), "--root", str(root))) == 0
    code, shown = at_a_terminal(root, ["q"], "label", "diet", "source:failed.jsonl")
    assert code == 0, shown
    assert "-- failure\r\nthis trace failed: upstream timed out\r\n" in shown
    assert "-- output" not in shown
    path = root / "failed.xlsx"
    spoken("label", "diet", "source:failed.jsonl", "--to", str(path), "--root", str(root))
    (_, row), *_ = [[*sheet.values] for sheet in openpyxl.load_workbook(path)]
    assert "(this trace failed: upstream timed out)" in row


def test_a_suggestion_is_shown_after_the_answer_and_never_before(root: Path) -> None:
    trace = suggested(root)
    arguments = ("label", "diet", "--sample", "suggestions")
    code, shown = at_a_terminal(root, ["q"], *arguments)
    assert (code, "SUGGESTED" in shown) == (0, False)
    code, shown = at_a_terminal(root, ["y", "no fat"], *arguments)
    assert code == 0, shown
    # The last that is typed comes before it.
    assert "suggested fail: SUGGESTED - u to answer again" in shown.partition("Why, in a line:")[2]
    assert [(one.item.trace_id, one.verdict) for one in book(root).truths] == [(trace, "pass")]
    assert ways(book(root)) == {"unknown"}


def test_what_is_answered_is_kept_though_the_terminal_goes_away(root: Path) -> None:
    code, shown = at_a_terminal(root, ["y", "it keeps to it", "\x04"], "label", "diet")
    assert code == 0, shown
    assert len(book(root).truths) == 1


def sheet_of(root: Path, *rows: tuple[str, str, str]) -> Path:
    """A sheet that somebody filled in: the outcome, the critique and the mode of its rows."""
    path = root / "diet.xlsx"
    query = ("label", "diet", "question", "--to", str(path), "--root", str(root))
    assert main(query) == 0
    filled: Any = openpyxl.load_workbook(path)
    for number, row in enumerate(rows, 2):
        for place, text in enumerate(row, 5):
            filled["labels"].cell(row=number, column=place).value = text
    filled.save(path)
    return path


def test_a_sheet_that_a_person_filled_in_is_signed_row_by_row(root: Path) -> None:
    suggested(root)
    path = sheet_of(
        root,
        ("pass", "It keeps to it.\nWholly.", ""),
        ("FAIL ", "Butter.", "fat"),
        ("good", "It is.", ""),
    )
    arguments = ("label", "diet", "--from", str(path))
    code, shown = at_a_terminal(root, ["no"], *arguments)
    assert (code, "0 labelled" in shown, book(root).truths) == (0, True, ())
    code, shown = at_a_terminal(root, ["yes"], *arguments)
    assert code == 0
    assert "row 4: outcome is 'good'; write pass or fail" in shown
    assert "1 row blank, 0 labelled so before." in shown
    assert "Sign these 2 as ada, picked in no way that stands for more?" in shown
    said = {(one.verdict, one.row.label.critique, one.row.label.mode) for one in book(root).truths}
    assert said == {("pass", "It keeps to it.\nWholly.", ""), ("fail", "Butter.", "fat")}
    code, shown = at_a_terminal(root, [], *arguments)
    assert "2 labelled so before." in shown
    assert "There is nothing to sign." in shown
    assert len(book(root).rows) == 3
    # Where a process was killed once the file was written, the store is told by the next.
    for store in (root / ".regrade").glob("store.db*"):
        store.unlink()
    assert main(("import", str(root / "log.jsonl"), "--root", str(root))) == 0
    at_a_terminal(root, [], *arguments)
    assert len(answered("search", "label:pass", "--root", str(root))[1]["traces"]) == 1


def test_what_a_row_no_longer_shows_and_what_was_said_elsewhere_is_not_signed(root: Path) -> None:
    why = ("pass", "It keeps to it.", "")
    path = sheet_of(root, why, why, why, ("=1+1", "x", ""))
    workbook: Any = openpyxl.load_workbook(path)
    sheet = workbook["labels"]
    traces = [str(sheet.cell(row=number, column=1).value) for number in range(2, 6)]
    sheet.cell(row=2, column=4).value = "another answer"
    sheet.cell(row=3, column=1).value = traces[2]
    workbook.save(path)
    code, shown = at_a_terminal(root, [], "label", "diet", "--from", str(path))
    assert code == 0
    assert "row 2: it does not show what the trace holds now" in shown
    assert f"row 3: {traces[2]} stands in 2 rows" in shown
    assert "row 5: its outcome is a formula; write text" in shown
    assert "There is nothing to sign." in shown
    # Said at a terminal since: the sheet does not say it otherwise.
    sheet.cell(row=3, column=1).value = traces[1]
    workbook.save(path)
    code, _ = at_a_terminal(root, ["n", "It does not.", ""] * 4, "label", "diet")
    assert code == 0
    code, shown = at_a_terminal(root, [], "label", "diet", "--from", str(path))
    assert "row 4: you labelled it fail elsewhere" in shown


def test_of_a_trace_that_changed_a_sheet_shows_each_item_as_it_was() -> None:
    said = ("before", "after", "x" * (CELL + 1))
    items = tuple(label_row("q", answer, "pass", trace_id="tr_1").item for answer in said)
    sheet, left_out = table(Criterion("diet"), Queue(items, Drawn(), {}, ()))
    blank = ["", "", ""]
    assert sheet.rows == [["tr_1", "q", "", answer, *blank] for answer in ("before", "after")]
    assert left_out == ["tr_1"]


def test_a_sheet_runs_nothing_overwrites_nothing_and_is_of_the_words_of_now(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formulas = ["=1+1", "+1", "-1", "@SUM(A1)"]
    lines = [json.dumps({"input": "formula", "output": text}) for text in formulas]
    (root / "more.jsonl").write_text("\n".join(lines) + "\n")
    assert main(("import", str(root / "more.jsonl"), "--root", str(root))) == 0
    path = root / "diet.xlsx"
    write = ("label", "diet", "formula", "--to", str(path), "--root", str(root))
    assert main(write) == 0
    sheet: Any = openpyxl.load_workbook(path)["labels"]
    cells = [sheet.cell(row=number, column=4) for number in range(2, 6)]
    assert {str(cell.value) for cell in cells} == set(formulas)
    assert {(cell.data_type, cell.quotePrefix) for cell in cells} == {("s", True)}
    before = path.read_bytes()
    assert main(write) == 2
    assert path.read_bytes() == before
    assert "may hold somebody's answers" in capsys.readouterr().err
    # Nobody signs a sheet but at a terminal.
    sign = ("label", "diet", "--from", str(path), "--root", str(root))
    assert main(sign) == 2
    assert "Labels are signed by a person at a terminal" in capsys.readouterr().err
    judge = root / "evals" / "judges" / "diet.md"
    judge.write_text(judge.read_text().replace(PASSES, "It is vegan."))
    code, shown = at_a_terminal(root, ["yes"], *sign[:4])
    assert (code, "The words of diet have changed since that sheet was written" in shown) == (
        2,
        True,
    )
    path.write_bytes(b"PK\x03\x04")
    code, shown = at_a_terminal(root, ["yes"], *sign[:4])
    assert (code, "cannot be read as a workbook" in shown) == (2, True)


BOOK = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def encrypted(path: Path) -> None:
    packed = bytearray(path.read_bytes())
    place = -1
    while (place := packed.find(b"PK\x01\x02", place + 1)) >= 0:
        packed[place + 8] |= 1
    path.write_bytes(packed)


def with_rows(rows: str) -> Callable[[Path], None]:
    """Write the first sheet of a workbook anew."""

    def written(path: Path) -> None:
        with zipfile.ZipFile(path) as packed:
            parts = {name: packed.read(name) for name in packed.namelist()}
        parts["xl/worksheets/sheet1.xml"] = (
            f"<worksheet {BOOK}><sheetData>{rows}</sheetData></worksheet>".encode()
        )
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, part in parts.items():
                packed.writestr(name, part)

    return written


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (encrypted, "cannot be read as a workbook: File '[Content_Types].xml' is encrypted"),
        (
            with_rows('<row r="1"><c r="A1" t="s"><v>9</v></c></row>'),
            "cannot be read as a workbook",
        ),
        (with_rows(" " * 70_000_000), "holds more than 64 MB"),
        (
            with_rows('<row r="1"><c r="XFD1"><v>1</v></c></row>' * 5_000),
            "The sheet has no column 'row'",
        ),
    ],
    ids=["encrypted", "a text that is not there", "packed small", "wide"],
)
def test_a_workbook_that_nobody_wrote_so_is_refused(
    change: Callable[[Path], None], why: str, root: Path
) -> None:
    path = sheet_of(root)
    change(path)
    code, shown = at_a_terminal(root, ["yes"], "label", "diet", "--from", str(path))
    assert code == 2
    assert why in " ".join(shown.split())


@pytest.mark.parametrize("arguments", [(), ("--sample", "suggestions"), ("--as", "ada")])
def test_labels_are_signed_at_a_terminal_only(
    root: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("label", "diet", *arguments, "--root", str(root))
    monkeypatch.setattr("sys.stdin", io.StringIO("y\nfine\n"))
    code, _, error = spoken(*words)
    assert code == 2
    assert "signed by a person at a terminal, and this is none" in error
    code, _, error = spoken(*words, "--json")
    assert (code, "this is none" in error) == (2, True)
    assert book(root).rows == ()


def test_a_name_without_a_key_of_the_repository_signs_nothing(root: Path) -> None:
    code, shown = at_a_terminal(root, [], "label", "diet", "--as", "bob")
    assert code == 2
    assert "bob cannot sign labels here" in shown


def status(root: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(("label", "diet", "--status", "--json", "--root", str(root))) == 0
    return json.loads(capsys.readouterr().out)


def test_the_status_tells_who_agrees_what_is_disputed_and_what_judges_need(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from base64 import b64encode  # noqa: PLC0415 - the keys of this test alone

    people = ("ann", "bob", "cem")
    keys = {name: b64encode(private_key(name).public_key().public_bytes_raw()) for name in people}
    (root / "evals" / "labellers.yaml").write_text(
        "labellers:\n" + "".join(f"  {name}: {key.decode()}\n" for name, key in keys.items())
    )
    said = {"ann": "ppfff", "bob": "ppffp", "cem": "ppff"}
    write_labels(
        root,
        [
            label_row(f"q{n}", "a", {"p": "pass", "f": "fail"}[sign], labeller=name, split="test")
            for name, signs in said.items()
            for n, sign in enumerate(signs)
        ]
        + [label_row("forged", "a", "pass", sign=False)],
    )
    found = status(root, capsys)
    assert (found["items"], found["counts"]) == (4, {"test": {"pass": 2, "fail": 2}})
    assert found["labellers"] == {"ann": 5, "bob": 5, "cem": 4}
    assert [(one["labellers"], one["both"]) for one in found["agreement"]] == [
        (["ann", "bob"], 5),
        (["ann", "cem"], 4),
        (["bob", "cem"], 4),
    ]
    assert [round(one["kappa"], 3) for one in found["agreement"]] == [0.615, 1.0, 1.0]
    assert found["fleiss"] == 1.0
    assert (found["disputed"], len(found["untrusted"]), found["suggestions"]) == (1, 1, 1)
    assert [need["verdict"] for need in found["needs"]["diet"]] == ["pass", "fail"]
    assert main(("label", "diet", "--status", "--root", str(root))) == 0
    shown = capsys.readouterr().out
    assert "ann and bob: kappa 0.62 on 5 items of both" in shown
    assert "\n  1 disputed: people disagree\n  1 suggestion waits for a person\n" in shown
    assert found["disputes"] == [{"trace_id": "", "said": {"ann": "fail", "bob": "pass"}}]
    assert "    no trace: ann fail, bob pass\n" in shown
    assert "`regrade label diet --sample disputed` asks of them" in shown


def test_the_status_of_a_criterion_that_nobody_knows_is_refused(root: Path) -> None:
    code, told = answered("label", "deit", "--status", "--root", str(root))
    assert (code, told) == (2, {
        "refused": "There is no criterion 'deit' (did you mean 'diet'?); valid: diet.",
        "next_step": "`regrade label NAME` begins one.",
    })  # fmt: skip


def test_that_on_which_people_disagree_is_asked_of_a_third(root: Path) -> None:
    keys = (root / "evals" / "labellers.yaml").read_text()
    know(root, "ann", "bob")
    others = (root / "evals" / "labellers.yaml").read_text().partition("\n")[2]
    (root / "evals" / "labellers.yaml").write_text(keys.rstrip("\n") + "\n" + others)
    given = {"ann": ("pass", "pass"), "bob": ("pass", "fail")}
    rows = [
        label_row(f"q{n}", "a", verdict, labeller=name, sampled="random")
        for name, verdicts in given.items()
        for n, verdict in enumerate(verdicts)
    ]
    write_labels(root, rows)
    arguments = ("label", "diet", "--sample", "disputed", "--as", "ada")
    code, shown = at_a_terminal(root, ["n", "butter", ""], *arguments)
    assert code == 0, shown
    assert "1 of 1" in shown
    found = book(root)
    assert (found.disputed, ways(found)) == ((), {"random"})
    assert [truth.verdict for truth in found.truths] == ["pass", "fail"]
    assert (
        "On nothing that was labelled by diet people disagree"
        in (at_a_terminal(root, [], *arguments)[1])
    )


def test_what_was_labelled_long_ago_is_asked_again_and_the_status_tells_who_says_otherwise(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = SimpleNamespace(time=lambda: time.time() - 86_400)
    # What is answered again in one sitting is a correction and no second look.
    typed = ["n", "EARLIER", "", "u", *["y", "EARLIER"] * 4]
    with monkeypatch.context() as patch:
        patch.setattr("regrade_tools.labels.labelling.time", before)
        code, shown = at_a_terminal(root, typed, "label", "diet")
    assert code == 0, shown
    assert status(root, capsys)["again"] == []
    again = ("label", "diet", "--sample", "again")
    typed = ["y", "it keeps to it", "n", "butter", "fat", "y", "still", "q"]
    code, shown = at_a_terminal(root, typed, *again)
    assert (code, "== 4 of 4" in shown, "EARLIER" in shown) == (0, True, False), shown
    found = status(root, capsys)
    [ada] = found["again"]
    assert (ada["labeller"], ada["items"], ada["agreed"], ada["kappa"]) == ("ada", 3, 2, 0.0)
    [fails] = [one for one in book(root).truths if one.verdict == "fail"]
    assert ada["changed"] == [fails.item.trace_id]
    # The latest counts, and the items are still those that were picked at random.
    counts = found["counts"].values()
    assert [sum(count[verdict] for count in counts) for verdict in ("pass", "fail")] == [3, 1]
    assert found["sampled"] == {"random": 4}
    code, shown = at_a_terminal(root, [], "label", "diet", "--status")
    assert "ada agrees with themself on 2 of 3 items labelled again, kappa 0.00" in shown
    assert f"says otherwise now of {fails.item.trace_id}" in shown
    # The one that is left, and then nothing: an hour has to pass.
    code, shown = at_a_terminal(root, ["y", "yes"], *again)
    assert (code, "== 1 of 1" in shown) == (0, True)
    code, shown = at_a_terminal(root, [], *again)
    assert (code, "nothing there that ada labelled by diet over an hour ago" in shown) == (2, True)
    code, shown = at_a_terminal(root, [], *again, "--to", str(root / "again.xlsx"))
    assert (code, "A sheet says nothing of what you labelled before" in shown) == (2, True)


def kinds_in_order(root: Path, *kinds: str | None, sampled: Any = "random") -> None:
    """Labels one after the other: None passes, the others fail with a kind or without."""
    know(root, "ada")
    write_labels(
        root,
        [
            label_row(
                f"q{n}", "a", "pass" if kind is None else "fail", mode=kind or "",
                at=1_790_000_000 + n, sampled=sampled,
            )
            for n, kind in enumerate(kinds)
        ],
    )  # fmt: skip


def test_the_status_tells_whether_the_last_that_were_labelled_taught_new_kinds_of_failure(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def learned(*kinds: str | None, **more: Any) -> tuple[dict[str, Any], str]:
        kinds_in_order(root, *kinds, **more)
        found = status(root, capsys)["learned"]
        assert main(("label", "diet", "--status", "--root", str(root))) == 0
        return found, capsys.readouterr().out

    first = ("late", "wrong date", None)
    found, shown = learned(*first)
    assert found == {"items": 3, "last": 3, "new": ["late", "wrong date"], "unnamed": 0}
    assert "2 new kinds of failure in the last 3 labelled at random, go on: late; wrong" in shown
    assert "3 labelled at random: 20 tell whether new kinds still come" in shown
    found, shown = learned(*first, "Wrong  Date", "late", *[None] * 18)
    assert found == {"items": 23, "last": 20, "new": [], "unnamed": 0}
    assert "no new kind of failure in the last 20 labelled at random: you may stop" in shown
    found, shown = learned(*first, "rude", *[None] * 19)
    assert found["new"] == ["rude"]
    assert "1 new kind of failure in the last 20 labelled at random, go on: rude" in shown
    found, shown = learned(*first, "", "", *[None] * 18)
    assert (found["new"], found["unnamed"]) == ([], 2)
    assert "in the last 20 labelled at random, but 2 failures without a kind: say which" in shown
    # What was picked for another reason says nothing of what comes in.
    found, shown = learned(*first, *[None] * 20, sampled="by_verdict")
    assert found == {"items": 0, "last": 0, "new": [], "unnamed": 0}


def test_what_is_answered_in_one_sample_is_one_look_however_long_it_takes(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(verdict: str, minutes: int, sample: str) -> LabelRow:
        at = 1_790_000_000 + 60 * minutes
        return label_row("q", "a", verdict, at=at, sampled="random", sample=sample)

    know(root, "ada")
    write_labels(root, [said("pass", 0, "sm_one"), said("fail", 90, "sm_one")])
    assert status(root, capsys)["again"] == []
    write_labels(root, [said("pass", 0, "sm_one"), said("fail", 10, "sm_two")])
    [ada] = status(root, capsys)["again"]
    assert (ada["labeller"], ada["items"], ada["agreed"]) == ("ada", 1, 0)
    # The clock decides where a label of before does not say in which sample it was given.
    write_labels(root, [said("pass", 0, ""), said("fail", 10, "sm_two")])
    assert status(root, capsys)["again"] == []


def test_what_drew_an_item_is_signed_with_what_is_said_of_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    know(root, "ada")
    row = label_row("q", "a", "pass", sampled="by_verdict", sample="sm_one", drawn_by="one")
    write_labels(root, [row])
    assert (status(root, capsys)["sampled"], status(root, capsys)["untrusted"]) == (
        {"by_verdict": 1},
        [],
    )
    write_labels(root, [row.model_copy(update={"label": replace(row.label, drawn_by="two")})])
    assert (status(root, capsys)["sampled"], status(root, capsys)["untrusted"]) == (
        {},
        [row.label.id],
    )
