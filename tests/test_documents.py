import json
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue, TypeAdapter

from regrade_tools.assertions import KINDS, Errored, Failed, Passed, Subject, check, parse
from regrade_tools.assertions.comparison import condition
from regrade_tools.files.documents import DocumentError, dump, load
from regrade_tools.refusal import Refusal
from regrade_tools.texts.selector import MissingError, selector

ANY_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)

# Surrogates are no characters: no file can hold them.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LEAF = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def scraps(*pieces: str) -> st.SearchStrategy[str]:
    """Texts that look like a language, and now and then are of it."""
    return st.lists(st.sampled_from(pieces), max_size=12).map("".join) | st.text(max_size=12)


YAML = scraps(
    "a", ": ", " ", "\n", "- ", "[", "]", "{", "}", ", ", "&a ", "*a", "| ", ">", "'", '"', "# ",
    "? ", "1", "~", "<<", "%", "\n---\n", "\t", "0x", ".", "!!float ", "!!bool ", "!!int ",
    "!!set ", "!!binary ", "!!omap ", "!!timestamp ", "!!null ", "!!str ", "!!map ",
)  # fmt: skip
SPEC_TEXT = scraps(
    "output", "text", "(", ")", "[", "]", ".a", " == ", " + ", "'a'", "1", " and ",
    "not ", ", ", "len", "*", " if ", " else ", "~", "|", "{", "}", "?", "\\", "^", "..", "> ", '"'
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Yes", "Yes"),
        ("[no, on, Off, y]", ["no", "on", "Off", "y"]),
        ("[true, False, TRUE]", [True, False, True]),
        ("[010, 0o17, 0x1F, -7, +7]", [10, 15, 31, -7, 7]),
        ("[1_000, '1:20', 1:20, 0b11]", ["1_000", "1:20", "1:20", "0b11"]),
        ("[1.5, .5, 1., 1e3, -2.5E-1]", [1.5, 0.5, 1.0, 1000.0, -0.25]),
        ("[2026-11-01, 2026-11-01T08:00:00Z]", ["2026-11-01", "2026-11-01T08:00:00Z"]),
        ("[~, null, Null, '', 'null']", [None, None, None, "", "null"]),
        ("a:\nb: ~", {"a": None, "b": None}),
        ("{200: ok, 1.50: half, 010: ten}", {"200": "ok", "1.50": "half", "010": "ten"}),
        ("{yes: 1, true: 2, null: 3}", {"yes": 1, "true": 2, "null": 3}),
        ("{=: 1, <<: {a: 1}}", {"=": 1, "<<": {"a": 1}}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ('{"a": [1, 2.0, null, "\\u00e9"]}', {"a": [1, 2.0, None, "é"]}),
        ("a: |\n  one\n  two\nb: >\n  one\n  two\n", {"a": "one\ntwo\n", "b": "one two\n"}),
        ("", None),
        ("# nothing but a comment", None),
    ],
)
def test_a_document_is_read_as_yaml_1_2(text: str, value: JsonValue) -> None:
    read = load(text)
    assert (read, repr(read)) == (value, repr(value))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1", "line 2 column 1"),
        ("a: 1\n b: 2", "line 2 column 3"),
        ("a: *gone", "line 1 column 4"),
        ("a\n---\nb", "line 2 column 1"),
        ("a: 1\n? [1]\n: 2", "line 2 column 3"),
        ("a: !!python/name:os.system x", "line 1 column 4"),
        ("a: 1\nb: 2\na: 3", "line 3 column 1"),
        ("&a [*a]", "line 1 column 5"),
        ("&a {b: [1, *a]}", "line 1 column 12"),
    ],
)
def test_a_broken_document_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(DocumentError, match=rf"^is not YAML.*: .* at {place}$"):
        load(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: \x07", "is not YAML that can be used: "),
        ("a: \ud800", "is not YAML that can be used: "),
        ("a: " + "9" * 5_000, "is not YAML that can be used: "),
        (" " * (16 * 1024 * 1024 + 1), "is larger than 16 MB"),
    ],
    ids=["control", "surrogate", "digits", "large"],
)
def test_what_is_no_text_of_ours_is_refused(text: str, told: str) -> None:
    with pytest.raises(DocumentError) as refused:
        load(text)
    assert str(refused.value).startswith(told)


@pytest.mark.parametrize("text", ["!!float ''", "!!bool maybe", "!!int few", "!!timestamp soon",
    "!!timestamp 2001-01-01", "!!binary aGk=", "1e400", "!!set {a}", "!!omap [a: 1]"])  # fmt: skip
def test_what_json_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        load(f"a: {text}")


def test_aliases_of_aliases_are_refused_before_they_are_written_out() -> None:
    rows = ["a0: &a0 [x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 60)]
    with pytest.raises(DocumentError, match="stands for more than 2,000,000 values"):
        load("\n".join(rows))


@pytest.mark.parametrize("nested", ["[" * 600 + "]" * 600, "- " * 900, "{a: " * 600 + "}" * 600])
def test_a_document_that_is_too_deep_is_refused(nested: str) -> None:
    with pytest.raises(DocumentError):
        load(nested)


@pytest.mark.parametrize("opening", ["- ", "[", "{a: ", "? "])
def test_no_depth_brings_the_process_down(opening: str) -> None:
    # In a process of its own: a stack that overflows takes the whole interpreter with it.
    program = (
        "from regrade_tools.files.documents import DocumentError, load\n"
        f"try:\n    load({opening!r} * 100_000)\nexcept DocumentError:\n    print('refused')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "refused\n")


@pytest.mark.parametrize(
    "text",
    ["yes", "null", "~", "", "010", "0o17", "0x1F", "1_000", "1:20", "2026-11-01", "=", "<<",
     "- a", "# a", "a: b", "1e5", "12e03", ".5e3", "+.5", ".inf", "1.", "\x85", "\u2028", "\ufeff",
     " a\nb", "a \nb", "\na", "a\n\n", "a\tb\nc", "a\r\nb", "\U0001f600\n", "a: |\n  b"],
)  # fmt: skip
def test_a_text_stays_the_text_it_is(text: str) -> None:
    value: JsonValue = {"text": text, "texts": [text], text: 1}
    assert load(dump(value)) == value


@given(JSON)
def test_what_is_written_is_read_back(value: JsonValue) -> None:
    read = load(dump(value))
    assert (read, repr(read)) == (value, repr(value))


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("😀\\😀")
@example("\\\\ud83d\\ude00😀😀")
@example("long " * 300)
def test_json_is_read_with_its_escapes_and_long_keys(text: str) -> None:
    assert load(json.dumps({text: [text]})) == {text: [text]}


@given(JSON)
def test_json_is_read_as_what_it_is(value: JsonValue) -> None:
    read = load(json.dumps([value]))
    assert (read, repr(read)) == ([value], repr([value]))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1,\n "a": 2}', "the key 'a' stands twice at line 2 column 2"),
        ('{"a": 1e400}', "1e400 is beyond any number of JSON"),
        ('["\\ud83d"]', "found invalid Unicode character escape code at line 1 column 5"),
        ("[" * 152 + "]" * 152, "is nested deeper than 150 at line 1 column 152"),
    ],
    ids=["twice", "beyond", "half", "deep"],
)
def test_json_that_is_none_of_ours_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(DocumentError) as refused:
        load(text)
    assert str(refused.value).endswith(told)


def test_a_text_of_several_lines_is_written_as_a_block_and_keys_keep_their_order() -> None:
    value: JsonValue = {"reason": "It said:\n  é\nno.\n", "id": "case_1", "tags": ["a", "b"]}
    written = "reason: |\n  It said:\n    é\n  no.\nid: case_1\ntags:\n- a\n- b\n"
    assert dump(value) == written


@given(YAML)
def test_any_text_is_a_document_of_json_or_refused(text: str) -> None:
    try:
        value = load(text)
    except DocumentError:
        return
    ANY_JSON.validate_python(value, strict=True)


FIELDS = sorted({field.alias or name for kind in KINDS.values()
                 for name, field in kind.model_fields.items()})  # fmt: skip


@given(
    st.sampled_from([f"{negation}{kind}" for kind in KINDS for negation in ("", "not-")]),
    st.dictionaries(st.sampled_from(FIELDS), JSON | SPEC_TEXT, max_size=3),
    JSON,
)
def test_any_assertion_is_refused_or_gives_a_verdict(
    kind: str, fields: dict[str, JsonValue], output: JsonValue
) -> None:
    try:
        asked = parse({**fields, "type": kind})
    except Refusal:
        return
    assert isinstance(check(asked, Subject(output)), Passed | Failed | Errored)


KEYWORDS = ["$ref", "allOf", "items", "properties", "pattern", "type", "multipleOf", "not", "enum",
            "minimum", "required", "$id", "unevaluatedProperties", "prefixItems"]  # fmt: skip
EMPTY: JsonValue = {}
SCHEMA: st.SearchStrategy[JsonValue] = st.recursive(
    st.sampled_from(["#", "#/allOf/0", "string", "object", EMPTY]) | SPEC_TEXT | LEAF,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(["is-json", "regex", "expr"]), SCHEMA | SPEC_TEXT, JSON)
def test_any_schema_pattern_or_expression_is_refused_or_gives_a_verdict(
    kind: str, value: JsonValue, output: JsonValue
) -> None:
    try:
        asked = parse({"type": kind, "value": value})
    except Refusal:
        return
    assert isinstance(check(asked, Subject(output)), Passed | Failed | Errored)


@given(SPEC_TEXT, JSON)
def test_any_text_selects_or_is_refused(text: str, value: JsonValue) -> None:
    try:
        place = selector(text)
    except ValueError:
        return
    assert place.text == text
    with suppress(MissingError):
        assert place.find(value) is value or place.steps


@given(
    st.lists(st.none() | st.integers(-999_999_999, 999_999_999) | st.text(max_size=9), max_size=6)
)
def test_a_selector_that_was_written_is_read_back(steps: list[str | int | None]) -> None:
    def written(step: str | int | None) -> str:
        if isinstance(step, str):
            return '["' + step.replace("\\", "\\\\").replace('"', '\\"') + '"]'
        return "[*]" if step is None else f"[{step}]"

    assert selector("".join(map(written, steps))).steps == tuple(steps)


NUMBER = st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False)


@given(NUMBER, NUMBER, NUMBER, st.sampled_from(["", " "]))
def test_a_condition_that_was_written_holds_as_it_says(
    bound: float, upper: float, number: float, space: str
) -> None:
    found = {
        sign: condition(f"{sign}{space}{bound}").holds(number)
        for sign in ("", "=", "!=", ">=", "<=", ">", "<")
    }
    assert found == {
        "": number == bound,
        "=": number == bound,
        "!=": number != bound,
        ">=": number >= bound,
        "<=": number <= bound,
        ">": number > bound,
        "<": number < bound,
    }
    low, high = sorted((bound, upper))
    between = condition(f"{low}{space}..{space}{high}")
    assert between.holds(number) == (low <= number <= high)
    assert condition(between.text) == between


@given(JSON | SPEC_TEXT)
def test_anything_is_a_condition_or_refused(value: JsonValue) -> None:
    try:
        read = condition(value)
    except ValueError:
        return
    assert condition(read.text) == read
