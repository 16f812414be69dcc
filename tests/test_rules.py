from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from regrade_tools.assertions import Subject, check, parse
from regrade_tools.fingerprint import canonical, fingerprint, id_number, random_id, trace_id
from regrade_tools.inputs.similarity import comparable, similarity
from regrade_tools.models import ToolCall
from regrade_tools.texts.timestamps import duration, iso, moment

Spec = dict[str, JsonValue]
AT = 1_793_520_000.0  # 2026-11-01T08:00:00Z
AT_A_QUARTER = AT + 0.25


@pytest.mark.parametrize(
    "value",
    [AT_A_QUARTER, 1_793_520_000_250.0, 1_793_520_000_250_000, 1_793_520_000_250_000_000,
     " 1793520000.250 ", "1793520000250", "2026-11-01T08:00:00.25Z", "2026-11-01T08:00:00.250000",
     "2026-11-01 08:00:00.250", "2026-11-01T10:00:00.25+02:00", "2026-11-01T01:00:00.25-07:00",
     "20261101T080000.25Z"],
)  # fmt: skip
def test_a_time_is_read_in_every_common_spelling(value: object) -> None:
    assert moment(value) == pytest.approx(AT_A_QUARTER, abs=1e-6)


@pytest.mark.parametrize(
    "value",
    [None, True, "", "  ", "soon", "2026-13-01", "2026-11-01T25:00", "NaN", "-inf", "1e400", 0, -5,
     1e21, 10**400, float("nan"), float("inf"), [1], {"s": 1}],
)  # fmt: skip
def test_what_is_no_time_is_none(value: object) -> None:
    assert moment(value) is None


@given(st.text() | st.integers() | st.floats() | st.none() | st.lists(st.integers()))
def test_anything_is_a_positive_time_or_none(value: object) -> None:
    found = moment(value)
    assert found is None or isinstance(value, str) or 0 < found < 1e11


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)))  # noqa: DTZ001 - a log without zones
def test_a_time_without_a_zone_is_utc_and_is_written_back(when: datetime) -> None:
    found = moment(when.isoformat())
    assert found is not None
    assert found == when.replace(tzinfo=UTC).timestamp()
    assert iso(found) == when.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_time_outside_the_calendar_is_written_as_its_edge() -> None:
    assert (iso(-5), iso(1e30)) == ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2s", 2), ("150ms", 0.15), ("1.5m", 90), ("12h", 43_200), ("7d", 604_800), ("2w", 1_209_600),
     (" 3 s ", 3), ("4", 4), ("", None), ("d", None), ("-1s", None), ("1y", None), ("1e3s", None),
     ("9" * 400, None)],
)  # fmt: skip
def test_a_duration_is_read_in_its_unit(text: str, seconds: float | None) -> None:
    assert duration(text) == seconds


JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
TIMES = st.none() | st.floats(0, 4e9)


def test_ids_are_the_same_on_every_machine() -> None:
    record: JsonValue = {"b": [1, "é"], "a": None}
    assert canonical(record) == '{"a":null,"b":[1,"é"]}'.encode()
    assert fingerprint(record) == "f8f17faab95c"
    assert trace_id(record, 0, AT) == "tr_bhagdsvrmwml2"
    assert trace_id(record, 0, None) == "tr_onswdsvrmwml2"


@given(JSON, JSON, st.integers(0, 9), st.integers(0, 9), TIMES)
def test_a_trace_id_is_equal_where_record_and_occurrence_are(
    left: JsonValue, right: JsonValue, first: int, second: int, when: float | None
) -> None:
    same = (canonical(left), first) == (canonical(right), second)
    assert (trace_id(left, first, when) == trace_id(right, second, when)) == same


@given(JSON, st.integers(0, 9), TIMES)
def test_the_number_of_a_trace_id_is_its_inverse(
    record: JsonValue, occurrence: int, when: float | None
) -> None:
    identifier = trace_id(record, occurrence, when)
    number = id_number(identifier)
    assert number is not None
    assert 0 <= number < 1 << 63
    others = {id_number(identifier[:-1]), id_number(identifier.upper()), id_number(identifier[3:])}
    assert others == {None}


@given(JSON, JSON, st.integers(18_262, 51_000), st.integers(1, 1000))
def test_a_trace_of_a_later_day_has_a_greater_number(
    earlier: JsonValue, later: JsonValue, day: int, days: int
) -> None:
    before = id_number(trace_id(earlier, 0, day * 86_400.0 + 86_399))
    after = id_number(trace_id(later, 0, (day + min(days, 51_029 - day)) * 86_400.0))
    assert before is not None
    assert after is not None
    assert before < after


@pytest.mark.parametrize("text", ["", "tr_", "tr_short", "tr_é", "run_aaaaaaaaaaaaa",
    "tr_aaaaaaaaaaaa1", "tr_AAAAAAAAAAAAA", "tr_aaaaaaaaaaaab", "tr_7777777777776",
    "tr_" + "z" * 21])  # fmt: skip
def test_what_is_no_trace_id_has_no_number(text: str) -> None:
    assert id_number(text) is None


@given(st.text(max_size=32) | st.text("abyz27=", max_size=32).map("tr_".__add__))
def test_any_text_has_a_63_bit_number_or_none(text: str) -> None:
    number = id_number(text)
    assert number is None or 0 <= number < 1 << 63


def test_random_ids_are_short_prefixed_and_different() -> None:
    made = {random_id("run") for _ in range(100)}
    assert len(made) == 100
    assert {(name[:4], len(name)) for name in made} == {("run_", 12)}


@pytest.mark.parametrize(
    ("left", "right", "share"),
    [("Find 2 beds in San José!", "find 2 beds, in san jose", 1.0),
     ({"city": "San Jose", "beds": 2}, {"beds": 2, "city": "san jose"}, 1.0),
     ("abcd", "abce", 0.75), ("one", "two", 0.0), (["x " * 400], ["y " * 9 + "x " * 400], 1.0)],
)  # fmt: skip
def test_inputs_are_as_alike_as_their_words(
    left: JsonValue, right: JsonValue, share: float
) -> None:
    assert similarity(comparable(left), comparable(right), 0.5) == share


ROWS: JsonValue = [{"id": "a", "price": 900}, {"id": "b", "price": 1100}]


def outcome(spec: Spec, output: JsonValue) -> str:
    called = ToolCall("buy", {"sure": True, "all": [{"sure": True}]})
    found = check(parse(spec), Subject(output, tool_calls=(called, called)))
    return type(found).__name__.lower()


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("path", {"at": "rows[-1].price", "is": "1000..1100"}, "passed"),
        ("path", {"at": "rows[*].id", "equals": ["a", "b"]}, "passed"),
        ("path", {"at": "rows[*].id", "contains": "c"}, "failed"),
        ("path", {"at": "rows[0]", "contains": "price"}, "passed"),
        ("path", {"at": "rows[0].id", "one_of": ["a", "z"], "len": 1}, "passed"),
        ("path", {"at": "rows[0].price", "equals": 900.0}, "passed"),
        ("path", {"at": "total", "exists": False}, "passed"),
        ("path", {"at": "total", "exists": True}, "failed"),
        ("path", {"at": "sure", "one_of": [[1], True]}, "failed"),
        ("equals", {"value": {"rows": ROWS, "sure": [1]}}, "failed"),
        ("tool-called", {"name": "buy", "times": "1..2"}, "passed"),
        ("tool-called", {"name": "buy", "times": "> 2"}, "failed"),
        ("tool-called", {"name": "buy", "times": 0}, "failed"),
        ("tool-called", {"name": "buy", "arguments": {"sure": 1}}, "failed"),
        ("tool-called", {"name": "buy", "arguments": {"all": [{"sure": 1}]}}, "failed"),
        ("is-json", {"value": {"properties": {"sure": {"const": [1]}}}}, "failed"),
    ],
)
def test_values_compare_as_json_and_negation_turns_the_outcome(
    kind: str, fields: Spec, expected: str
) -> None:
    output: JsonValue = {"rows": ROWS, "sure": [True]}
    other = "failed" if expected == "passed" else "passed"
    assert outcome({"type": kind, **fields}, output) == expected
    assert outcome({"type": f"not-{kind}", **fields}, output) == other


@pytest.mark.parametrize(
    ("fields", "output"),
    [({}, "NaN"), ({}, '{"price": Infinity}'), ({"value": {"uniqueItems": True}}, "[1, 1.0]")],
)
def test_json_is_not_whatever_python_reads_as_json(fields: Spec, output: str) -> None:
    assert outcome({"type": "is-json", **fields}, output) == "failed"


@pytest.mark.parametrize("spec", [{"type": "path", "at": "", "len": 2},
    {"type": "path", "at": "", "one_of": [1]}, {"type": "equals", "value": [[1]]}])  # fmt: skip
def test_an_output_of_any_depth_gets_a_verdict(spec: Spec) -> None:
    assert {outcome(spec, "[" * deep + "]" * deep) for deep in range(4, 1100)} == {"failed"}


@pytest.mark.parametrize(
    ("of", "output", "number"),
    [("sentences", 'One. "Two!" Is 3.5 more? Four', 4), ("sentences", "今天好。明天也好。", 2),
     ("items", "Found:\n- one\n* two\n 3. three\n4) four\n-five", 4), ("items", [1, 2], 2),
     ("lines", "a\n\n \nb\n", 2), ("characters", "héé", 3), ("words", " two  words ", 2)],
)  # fmt: skip
def test_a_count_counts(of: str, output: JsonValue, number: int) -> None:
    assert outcome({"type": "count", "of": of, "min": number, "max": number}, output) == "passed"


@pytest.mark.parametrize(
    ("schema", "output"),
    [
        ({"pattern": r"^\p{Lu}"}, '"Ärger"'),
        ({"examples": [{"$ref": "https://a.example/b"}]}, "{}"),
        ({"properties": {"pattern": {"const": "("}}}, '{"pattern":"("}'),
    ],
)
def test_a_valid_schema_is_read_as_the_standard_says(schema: Spec, output: str) -> None:
    assert outcome({"type": "is-json", "value": schema}, output) == "passed"
