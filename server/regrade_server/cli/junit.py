"""A gate's report as JUnit XML, which every CI shows."""

import re
from xml.etree import ElementTree as ET

from regrade_server.cli.decision import headline
from regrade_server.cli.evidence import evidence
from regrade_tools.gate_report import GateReport, Judged

# What XML 1.0 may hold: https://www.w3.org/TR/xml/#charsets
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: GateReport) -> str:
    """One test a case. What the gate decides, and why, are properties: it is no test."""
    told, ruling = report.summary, report.ruling
    suite = ET.Element(
        "testsuite",
        name=_legal(told.suite),
        tests=str(len(report.cases)),
        failures=str(len(ruling.failed)),
        errors=str(len(ruling.errored)),
        time=_seconds(sum(case.latency_ms or 0 for case in report.cases)),
    )
    properties = ET.SubElement(suite, "properties")
    about = [("run", told.run_id), ("target", told.target), ("gate", ruling.decision)]
    for name, value in (*about, *(("gate.reason", why) for why in (*ruling.reasons, *ruling.also))):
        ET.SubElement(properties, "property", name=name, value=_legal(value))
    for case in report.cases:
        _add(suite, told.suite, case, evidence(report, case))
    lines = [headline(report), *ruling.reasons, *ruling.also]
    ET.SubElement(suite, "system-out").text = _legal("\n".join(lines))
    ET.indent(suite)
    text = ET.tostring(suite, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add(suite: ET.Element, name: str, case: Judged, seen: list[str]) -> None:
    place = ".".join(filter(None, (name, case.feature, case.scenario)))
    test = ET.SubElement(
        suite, "testcase", name=_legal(case.case_id), classname=_legal(place), file=case.path
    )
    if case.latency_ms is not None:
        test.set("time", _seconds(case.latency_ms))
    if case.outcome == "passed":
        return
    reasons = case.reasons or []
    _tell(
        test,
        "failure" if case.outcome == "failed" else "error",
        f"{'flaky: ' if case.flaky else ''}{reasons[0] if reasons else case.outcome}",
        [*reasons, *seen],
    )


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3f}"


def _tell(test: ET.Element, tag: str, message: str, lines: list[str]) -> None:
    ET.SubElement(test, tag, message=_legal(message)).text = _legal("\n".join(lines))


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
