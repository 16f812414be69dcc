import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrade_server.memory import MemoryStore
from regrade_server.sqlite import SqliteStore
from regrade_tools.fingerprint import trace_id
from regrade_tools.models import Message, Span, Trace
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal
from regrade_tools.traces.query import parse
from regrade_tools.traces.store import Page

pytestmark = pytest.mark.anyio
NOON = 1_790_856_000.0
# A store as a program wrote it that knew nothing of wordings.
_BEFORE = """DROP TRIGGER wording_gone; DROP TABLE wording;
DELETE FROM _sqlite_migrations WHERE name = '010_wording';"""


def made(number: int, text: object = "", **changes: object) -> Trace:
    plain = Trace(trace_id(number, 0, None), "a.jsonl:1", "exchange", started_at=NOON + number)
    return replace(plain, **{"input": text, **changes})


def done(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def asked(path: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()


async def found(store: Store, query: str) -> list[str]:
    page = await store.search(parse(query, now=NOON), limit=100)
    return [row.id for row in page.rows]


TEXTS = [
    made(0, "The refund, it says, is -- not available."),
    made(1, "is not", output="available"),
    made(2, "東京 タワー は高い。東京タワー"),
    made(3, "no no no", metadata={"late": "refund"}),
    made(4, "snake_case e-mail 3.14 CAFÉ\u0301 noir"),
    made(5, messages=(Message("user", "the weather🤔in"), Message("assistant", "Kraków is fine"))),
    made(6, spans=(Span("s", "a", "tool", input=["very", "long"], output="very long"),)),
    made(7, error="international internationalization of rationalization"),
    made(8, "not\0available half\ufffd pair"),
    made(9, "x" * 300_000 + " beyond reach"),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('"not available"', [8, 0]), ('"is not available"', [0]), ('"available is"', []),
        ('"Refund It SAYS"', [0]), ('"refund"', [3, 0]), ("refund,it", [0]),
        ('"not,available."', [8, 0]), ('"東京 タワー"', [2]), ('"タワー は高い"', [2]),
        ('"は高い 東京タワー"', [2]), ('"東京 は高い"', []), ('"no no"', [3]), ('"no no no"', [3]),
        ('"no no no no"', []), ('"late refund"', []), ('"snake case e mail"', [4]),
        ("3.14", [4]), ('"cafe noir"', [4]), ('"weather in"', [5]), ('"in krakow"', []),
        ('"Krakow is"', [5]), ('"very long"', [6]), ('"long very"', []),
        ('"internationalization of rationalization"', [7]), ('"rationalization of"', []),
        ('"half pair"', [8]), ('"beyond reach"', []), ('is -"not available"', [5, 1]),
        ('-"no no" -"not available"', [9, 7, 6, 5, 4, 2, 1]), ('"is not" -"not available"', [1]),
        ("is-not*", [1, 0]), ("is-n*", [1, 0]), ("-is-n* is", [5]), ("-is-not-av* is", [5, 1]),
        ('"is not" avail* -"says is"', [1]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["sqlite", "before", "memory"])
async def test_a_phrase_finds_where_its_words_adjoin_in_one_text(
    query: str, expected: list[int], kind: str, store: SqliteStore, path: Path
) -> None:
    kept: Store = MemoryStore() if kind == "memory" else store
    await kept.append(TEXTS)
    if kind == "before":
        store.close()
        done(path, _BEFORE)
    assert await found(kept, query) == [TEXTS[number].id for number in expected]


PIECES = [
    "a",
    "b",
    "ab",
    "ba",
    "to",
    "TO",
    "é",
    "E",
    "東",
    "東京",
    "1",
    "12",
    "lastletters",
    "letters",
]
SIGNS = [" ", "  ", "-", "_", ". ", "\n", "—", "🤔", "\0"]
SPOKEN = st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(SIGNS)), max_size=6).map(
    lambda parts: "".join(word + sign for word, sign in parts)
)
DRAWN = st.fixed_dictionaries(
    {"input": SPOKEN, "output": SPOKEN, "metadata": st.dictionaries(SPOKEN, SPOKEN, max_size=1)}
)
PHRASES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map(" ".join)
TERMS = PHRASES.map('"{}"'.format) | PHRASES.map(lambda words: f"{words.replace(' ', '-')}*")
ASKED = st.lists(TERMS | TERMS.map("-{}".format), min_size=1, max_size=3).map(" ".join)


@given(drawn=st.lists(DRAWN, min_size=1, max_size=8), query=ASKED, gone=st.sets(st.integers(0, 7)))
@settings(max_examples=80)
def test_phrases_are_answered_as_the_reference_answers(
    *, drawn: list[dict[str, object]], query: str, gone: set[int]
) -> None:
    kept = [made(number, **changes) for number, changes in enumerate(drawn)]

    async def answer(store: Store, traces: Sequence[Trace]) -> Page:
        await store.append(traces)
        await store.remove([made(number).id for number in gone if number % 2])
        return await store.search(parse(query, now=NOON), limit=50)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        store = SqliteStore(path)
        anyio.run(store.append, kept)
        store.close()
        # Of some traces the wording is unknown, as where a program of before kept them.
        places = ",".join(str(number + 1) for number in gone)
        numbered = "(SELECT id, row_number() OVER (ORDER BY id) n FROM trace)"
        forgotten = f"(SELECT id FROM {numbered} WHERE n IN ({places}))"  # noqa: S608 - numbers
        done(path, f"DELETE FROM wording WHERE id IN {forgotten}")  # noqa: S608 - as above
        page = anyio.run(answer, store, kept)
        store.close()
    assert page == anyio.run(answer, MemoryStore(), kept)


async def test_a_trace_in_which_the_words_stand_apart_is_not_read(
    store: SqliteStore, path: Path
) -> None:
    apart = [made(number, "refund was not late") for number in range(50)]
    held = [made(number, "late refund") for number in (60, 61)]
    await store.append([*apart, *held])
    newest = "SELECT id FROM trace ORDER BY id DESC LIMIT 2"
    done(path, f"UPDATE payload SET body = x'00' WHERE id NOT IN ({newest})")  # noqa: S608 - constants
    answers = {'"late refund"': held, '"refund late"': [], '-"refund late"': [*apart, *held]}
    for query, traces in answers.items():
        assert await found(store, query) == [trace.id for trace in reversed(traces)]
    with pytest.raises(Refusal, match="is damaged"):
        await found(store, '"refund was"')


async def test_what_has_no_phrase_is_counted_without_reading(store: SqliteStore) -> None:
    await store.append([made(number, "refund was late") for number in range(300)])
    page = await store.search(parse('refund -"late refund"', now=NOON), limit=20)
    assert (page.total, page.exact, len(page.rows)) == (300, True, 20)


async def test_a_trace_in_the_place_of_a_removed_one_is_found_by_its_own_phrases(
    store: SqliteStore, path: Path
) -> None:
    await store.append([made(1, "not found")])
    assert await store.remove([made(1).id]) == 1
    assert asked(path, "SELECT * FROM wording") == []
    other = replace(made(2, "late refund"), started_at=made(1).started_at)
    await store.append([other])
    assert await found(store, '"late refund"') == [other.id]
    assert await found(store, '"not found"') == []


async def test_a_program_of_before_leaves_no_wording_that_is_not_of_its_trace(
    store: SqliteStore, path: Path
) -> None:
    await store.append([made(1, "late refund"), made(2, "refund late")])
    # As it does where a trace grows: it knows nothing of wordings.
    done(
        path,
        """CREATE TEMP TABLE kept AS SELECT * FROM payload ORDER BY id; DELETE FROM payload;
        INSERT INTO payload SELECT a.id, b.dictionary, b.body FROM kept a, kept b
        WHERE a.id != b.id""",
    )
    assert await found(store, '"late refund"') == [made(2).id]
