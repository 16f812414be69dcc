"""A gate's report as JUnit XML, which every CI shows."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

from regrade_server.cli.decision import headline, lines_of
from regrade_server.cli.evidence import evidence, stood
from regrade_tools.gate.decision import Ruling
from regrade_tools.gate.report import GateReport, Judged
from regrade_tools.gate.round import Gated

# What XML 1.0 may hold: https://www.w3.org/TR/xml/#charsets
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(found: Sequence[Gated], below: PurePosixPath, *, several: bool) -> str:
    """One test a case, at its file in the repository, where the workspace lies ``below`` its root.

    What the gate decides, and why, are properties: it is no test. A suite that could not be gated
    is an error.
    """
    suites = [_suite(one, below) for one in found]
    root = suites[0]
    if several:
        root = ET.Element("testsuites", _totals(suites))
        root.extend(suites)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _totals(suites: Sequence[ET.Element]) -> dict[str, str]:
    """What the counts and the seconds of ``suites`` come to."""
    counts = ("tests", "failures", "errors")
    told = {name: str(sum(int(suite.attrib[name]) for suite in suites)) for name in counts}
    return {**told, "time": f"{sum(float(suite.attrib['time']) for suite in suites):.3f}"}


def _suite(one: Gated, below: PurePosixPath) -> ET.Element:
    if one.report is not None:
        return _measured(one.report, below)
    refusal = one.refusal
    suite = ET.Element("testsuite", name=_legal(one.suite))
    suite.attrib |= {"tests": str(int(refusal is not None)), "failures": "0"}
    suite.attrib |= {"errors": suite.attrib["tests"], "time": "0.000"}
    if refusal is not None:
        test = ET.SubElement(suite, "testcase", name="gate", classname=_legal(one.suite))
        _tell(test, "error", refusal.problem, [str(refusal)])
    if one.gone is not None:
        _decided(suite, [("gate", one.gone.decision)], one.gone)
    ET.SubElement(suite, "system-out").text = _legal("\n".join(lines_of(one)))
    return suite


def _measured(report: GateReport, below: PurePosixPath) -> ET.Element:
    told, ruling = report.summary, report.ruling
    suite = ET.Element(
        "testsuite",
        name=_legal(told.suite),
        tests=str(len(report.cases)),
        failures=str(len(ruling.failed)),
        errors=str(len(ruling.errored)),
        time=_seconds(sum(case.latency_ms or 0 for case in report.cases)),
    )
    about = [("run", told.run_id), ("target", told.target), ("gate", ruling.decision)]
    _decided(suite, about, ruling)
    for case in report.cases:
        test = ET.SubElement(suite, "testcase", name=_legal(case.case_id))
        place = ".".join(filter(None, (told.suite, case.feature, case.scenario)))
        test.attrib |= {"classname": _legal(place), "file": _legal(str(below / case.path))}
        _end(test, case, stood(report, case), evidence(report, case))
    lines = [headline(ruling, report.profile), *ruling.reasons, *ruling.also]
    ET.SubElement(suite, "system-out").text = _legal("\n".join(lines))
    return suite


def _decided(suite: ET.Element, about: list[tuple[str, str]], ruling: Ruling) -> None:
    properties = ET.SubElement(suite, "properties")
    for name, value in (*about, *(("gate.reason", why) for why in (*ruling.reasons, *ruling.also))):
        ET.SubElement(properties, "property", name=name, value=_legal(value))


def _end(test: ET.Element, case: Judged, before: str, seen: list[str]) -> None:
    if case.latency_ms is not None:
        test.set("time", _seconds(case.latency_ms))
    if case.outcome == "passed":
        return
    reasons = case.reasons or []
    about = ("flaky" if case.flaky else "", before, reasons[0] if reasons else case.outcome)
    tag = "failure" if case.outcome == "failed" else "error"
    _tell(test, tag, ": ".join(filter(None, about)), [*reasons, *seen])


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3f}"


def _tell(test: ET.Element, tag: str, message: str, lines: list[str]) -> None:
    ET.SubElement(test, tag, message=_legal(message)).text = _legal("\n".join(lines))


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
