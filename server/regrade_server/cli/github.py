"""A gate's report where GitHub shows it: the summary of a job, and notes at the files.

Both are written as GitHub's documentation of workflow commands and job summaries says.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path, PurePosixPath

from regrade_server.cli.decision import headline
from regrade_server.cli.evidence import evidence
from regrade_server.cli.printing import comparison, ended, listed, rate
from regrade_tools.gate_report import GateReport, Judged
from regrade_tools.plaintext import line, plain
from regrade_tools.slices import Slice

# GitHub shows ten of a kind for a step.
_NOTES = 10
_ROWS = 50


def markdown(report: GateReport) -> str:
    """The summary of a job. What came from files or answers stands in HTML, where it is text."""
    ruling, told = report.ruling, report.summary
    shown = "no case decided" if told.pass_rate is None else f"pass rate {told.pass_rate:.1%}"
    figures = f"{told.suite} on {told.target}: {ended(told)}, {shown}"
    blocks = [f"### {headline(report).removesuffix(f' ({report.profile})')}", _paragraph(figures)]
    if ruling.reasons or ruling.also:
        blocks.append(_list([*ruling.reasons, *(f"also {it}" for it in ruling.also)]))
    if ruling.accepted:
        blocks.append(_paragraph(f"Accepted by a person: {ruling.accepted}"))
    if ruling.comparison and (changes := comparison(ruling.comparison)):
        blocks.append(_block("\n".join(changes)))
    if report.slices:
        blocks.append(_table(report.slices[:_ROWS]))
    broken = [case for case in report.cases if case.outcome != "passed"]
    blocks.extend(_case(case, evidence(report, case)) for case in broken[:_ROWS])
    if len(broken) > _ROWS:
        blocks.append(_paragraph(f"And {listed([case.case_id for case in broken[_ROWS:]])}."))
    return "\n\n".join(blocks) + "\n"


def _paragraph(text: str) -> str:
    return f"<p>{escape(_line(text))}</p>"


def _list(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(_line(it))}</li>' for it in lines)}</ul>"


def _block(text: str) -> str:
    # Without empty lines: one would end the HTML and begin Markdown again.
    lines = "\n".join(it for it in text.splitlines() if it.strip())
    return f"<pre>{escape(plain(lines))}</pre>"


def _table(parts: list[Slice]) -> str:
    rows = "".join(
        f"<tr><td>{escape(_line(part.name))}</td><td>{part.passed}</td><td>{part.failed}</td>"
        f"<td>{part.errored}</td><td>{escape(rate(part))}</td></tr>"
        for part in parts
    )
    titles = ("part", "passed", "failed", "errored", "pass rate")
    return f"<table><tr>{''.join(f'<th>{it}</th>' for it in titles)}</tr>{rows}</table>"


def _case(case: Judged, seen: list[str]) -> str:
    title = f"{case.outcome.upper()} {case.case_id}{' (flaky)' if case.flaky else ''}"
    told = _block("\n".join([*(case.reasons or [case.outcome]), *seen]))
    return f"<details><summary>{escape(_line(title))}</summary>\n{told}\n</details>"


def _line(text: str) -> str:
    return plain(line(text))


def annotations(report: GateReport, root: Path, environment: Mapping[str, str]) -> list[str]:
    """Workflow commands that show each failing case at its file, and the decision."""
    above = environment.get("GITHUB_WORKSPACE")
    broken = [case for case in report.cases if case.outcome != "passed"]
    notes = [_note(case, _below(root, above)) for case in broken[: _NOTES - 1]]
    ruling = report.ruling
    if ruling.decision != "ship":
        reasons = "\n".join([*ruling.reasons, *ruling.also])
        notes.append(f"::error title={_property(headline(report))}::{_data(reasons)}")
    return notes


def _note(case: Judged, below: PurePosixPath) -> str:
    place = _property(str(below / case.path))
    title = _property(f"{case.outcome}: {case.case_id}")
    reasons = "\n".join(case.reasons or [])
    return f"::error file={place},title={title}::{_data(reasons)}"


def _below(root: Path, above: str | None) -> PurePosixPath:
    """Where the workspace lies in the repository that GitHub checked out."""
    try:
        return PurePosixPath(root.resolve().relative_to(Path(above or root).resolve()).as_posix())
    except (ValueError, OSError):
        return PurePosixPath()


def _data(text: str) -> str:
    shown = plain("\n".join(text.splitlines()))
    return shown.replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(_line(text)).replace(":", "%3A").replace(",", "%2C")


def quoted(text: str) -> Iterator[str]:
    """``text`` so that no line of it is taken for a workflow command."""
    token = secrets.token_hex(16)
    yield f"::stop-commands::{token}"
    yield text
    yield f"::{token}::"


def in_actions(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a GitHub workflow reads what is printed."""
    return environment.get("GITHUB_ACTIONS") == "true"
