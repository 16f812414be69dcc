"""A gate's report where GitHub shows it: the summary of a job, and notes at the files.

Both are written as GitHub's documentation of workflow commands and job summaries says.
"""

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import islice
from pathlib import Path, PurePosixPath

from regrade_server.cli.decision import EXIT, end, headline, headline_of, lines_of, ranked
from regrade_server.cli.evidence import evidence, is_old, stood
from regrade_server.cli.printing import comparison, ended, listed, rate
from regrade_server.git import top
from regrade_tools.comparison.slices import Slice
from regrade_tools.gate.report import GateReport, Judged
from regrade_tools.gate.round import Gated
from regrade_tools.texts.plaintext import line, plain

# GitHub shows ten of a kind for a step.
_NOTES = 10
_ROWS = 50


def markdown(found: Sequence[Gated], *, several: bool) -> str:
    """The summary of a job. What came from files or answers stands in HTML, where it is text."""
    parts = [_measured(one.report) if one.report else _unmeasured(one) for one in found]
    if several:
        rows = [(one.suite, end(one).replace("_", " ")) for one in ranked(found)]
        parts.insert(0, f"## {headline_of(found)}\n\n{_table(('suite', 'gate'), rows)}\n")
    return "\n".join(parts)


def _unmeasured(one: Gated) -> str:
    lines = "\n".join(lines_of(one))
    return f"{_block(lines)}\n"


def _measured(report: GateReport) -> str:
    ruling, told = report.ruling, report.summary
    shown = "no case decided" if told.pass_rate is None else f"pass rate {told.pass_rate:.1%}"
    figures = f"{told.suite} on {told.target}: {ended(told)}, {shown}"
    blocks = [f"### {headline(ruling, None, told.suite)}", _paragraph(figures)]
    if ruling.reasons or ruling.also:
        blocks.append(_list([*ruling.reasons, *(f"also {it}" for it in ruling.also)]))
    if ruling.accepted:
        blocks.append(_paragraph(f"Accepted by a person: {ruling.accepted}"))
    if ruling.comparison and (changes := comparison(ruling.comparison)):
        blocks.append(_block("\n".join(changes)))
    if report.slices:
        blocks.append(_slices(report.slices[:_ROWS]))
    broken = _broken(report)
    blocks.extend(
        _case(case, stood(report, case), evidence(report, case)) for case in broken[:_ROWS]
    )
    if len(broken) > _ROWS:
        blocks.append(_paragraph(f"And {listed([case.case_id for case in broken[_ROWS:]])}."))
    return "\n\n".join(blocks) + "\n"


def _broken(report: GateReport) -> list[Judged]:
    """The cases that did not pass, those first that did not end so in the baseline."""
    return sorted((case for case in report.cases if case.outcome != "passed"), key=is_old)


def _paragraph(text: str) -> str:
    return f"<p>{escape(_line(text))}</p>"


def _list(lines: list[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(_line(it))}</li>' for it in lines)}</ul>"


def _block(text: str) -> str:
    # Without empty lines: one would end the HTML and begin Markdown again.
    lines = "\n".join(it for it in text.splitlines() if it.strip())
    return f"<pre>{escape(plain(lines))}</pre>"


def _slices(parts: list[Slice]) -> str:
    titles = ("part", "passed", "failed", "errored", "pass rate")
    rows = ((it.name, str(it.passed), str(it.failed), str(it.errored), rate(it)) for it in parts)
    return _table(titles, rows)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = ("".join(f"<td>{escape(_line(cell))}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"<table><tr>{''.join(f'<th>{it}</th>' for it in titles)}</tr>{body}</table>"


def _case(case: Judged, before: str, seen: list[str]) -> str:
    about = f"{' (flaky)' if case.flaky else ''}{f', {before}' if before else ''}"
    title = f"{case.outcome.upper()} {case.case_id}{about}"
    told = _block("\n".join([*(case.reasons or [case.outcome]), *seen]))
    return f"<details><summary>{escape(_line(title))}</summary>\n{told}\n</details>"


def _line(text: str) -> str:
    return plain(line(text))


def annotations(found: Sequence[Gated], below: PurePosixPath, *, several: bool) -> list[str]:
    """Workflow commands that show failing cases at their files, and what was decided.

    The workspace lies ``below`` the repository's root. Decisions have the first claim on what
    GitHub shows.
    """
    worst = ranked(found)
    held = [one for one in worst if EXIT[end(one)]]
    reports = (one.report for one in worst if one.report)
    broken = ((case, stood(report, case)) for report in reports for case in _broken(report))
    room = max(0, _NOTES - max(1, len(held)))
    notes = [_note(case, before, below) for case, before in islice(broken, room)]
    return [*notes, *(_decision(one, several=several) for one in held)]


def _decision(one: Gated, *, several: bool) -> str:
    of = f"{one.suite}: " if several else ""
    if one.ruling is None:
        return f"::error title={_property(f'{of}no gate')}::{_data(str(one.refusal))}"
    title = headline(one.ruling, one.report.profile if one.report else None)
    reasons = "\n".join([*one.ruling.reasons, *one.ruling.also])
    return f"::error title={_property(f'{of}{title}')}::{_data(reasons)}"


def _note(case: Judged, before: str, below: PurePosixPath) -> str:
    place = _property(str(below / case.path))
    title = _property(f"{case.outcome}: {case.case_id}{f', {before}' if before else ''}")
    reasons = "\n".join(case.reasons or [])
    return f"::error file={place},title={title}::{_data(reasons)}"


def below(root: Path, environment: Mapping[str, str] = os.environ) -> PurePosixPath:
    """Where the workspace at ``root`` lies in its repository, or in what GitHub checked out."""
    above = top(root) or Path(environment.get("GITHUB_WORKSPACE") or root)
    try:
        return PurePosixPath(root.resolve().relative_to(above.resolve()).as_posix())
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
