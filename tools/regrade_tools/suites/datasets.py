"""Rows of a file and traces of the store -> the cases of a suite."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from regrade_tools import formats
from regrade_tools.assertions import subject_of
from regrade_tools.files.filling import filled
from regrade_tools.files.mistakes import mistakes_in
from regrade_tools.fingerprint import fingerprint
from regrade_tools.formats import Record, Skipped, arrow
from regrade_tools.formats.fields import listed
from regrade_tools.models import Case, Dataset, Recorded, Trace
from regrade_tools.models.case import Name, Spec
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal
from regrade_tools.runs.recorded import recorded
from regrade_tools.texts.jsontext import compact, unpacked
from regrade_tools.texts.names import plain
from regrade_tools.traces.query import parse

_TEXTS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
_PAGE = 100
# All cases of a run are in memory, each at several times the size of its row.
_MOST_CASES = 1_000_000
_MOST_BYTES = 512 * 1024 * 1024
_NAME: TypeAdapter[str] = TypeAdapter(Name)


def rows(path: Path, shown: str) -> Iterator[Record | Skipped]:
    """The rows of the file or folder at ``path``, called ``shown``, as they are read.

    Raises:
        Refusal: It is not there, of no known kind, or pyarrow is missing.
    """
    name = path.name.lower()
    if path.is_dir() or (path.is_file() and name.endswith(arrow.EXTENSIONS)):
        return arrow.tables(path, shown)
    if path.is_file() and name.removesuffix(".gz").endswith(_TEXTS):
        found = formats.records(path, shown)
        # A heading that repeats is read with a number: a dataset that asks for it says so itself.
        return (record for record in found if not isinstance(record, formats.Note))
    is_there = path.exists()
    known = ", ".join((*_TEXTS, *arrow.EXTENSIONS))
    raise Refusal(
        f"{shown} {'is no file of rows' if is_there else 'is not there'}.",
        next_step=f"Rows stand in a file that ends in {known}, or in a folder of `save_to_disk`.",
    )


def row_cases(dataset: Dataset, path: Path, shown: str) -> Iterator[Case]:
    """A case for each row that fits ``dataset.where``, up to its limit.

    Raises:
        Refusal: A row cannot be read or does not fit; it names the file and the line. Or no row
            that was read has a field that single rows may lack.
    """
    unknown = {field for field in _optional(dataset) if field is not None}
    first: _Row | None = None
    seen: dict[str, str] = {}
    repeated: Counter[str] = Counter()
    held = 0
    for record in rows(path, shown):
        if isinstance(record, Skipped):
            raise Refusal(f"{record.where} {record.why}.", next_step="Mend the row.")
        if not isinstance(record.value, dict):
            raise Refusal(f"{record.where} is no object of fields.", next_step="Mend the row.")
        row = _Row(record.where, record.value)
        unknown -= row.fields.keys()
        if not row.fits(dataset.where):
            continue
        first = first or row
        case = _case(dataset, row)
        if case.id in seen:
            repeated[case.id] += 1
            case = _again(dataset, row, case, seen[case.id], repeated[case.id] + 1)
        seen[case.id] = row.where
        held += record.size
        if held > _MOST_BYTES or len(seen) > _MOST_CASES:
            raise Refusal(
                f"{record.where} is more than a suite can hold: {_MOST_CASES:,} cases, or "
                f"{_MOST_BYTES // 1024**2} MB.",
                next_step="Choose fewer with `where` or `limit` under `dataset` in the suite.",
            )
        yield case
        if len(seen) == dataset.limit:
            break
    # A field that one row lacks is empty there; one that all lack is misspelt.
    if first and unknown:
        first.read(min(unknown))


def _optional(dataset: Dataset) -> tuple[str | None, ...]:
    """The fields that a row may lack."""
    return dataset.tags, dataset.feature, dataset.scenario, dataset.expected


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    fields: dict[str, JsonValue]

    def read(self, field: str) -> JsonValue:
        """The value under ``field``."""
        if field not in self.fields:
            raise Refusal(
                f"{self.where} has no field {field!r} (its fields: {listed(self.fields)}).",
                next_step="Mend the row, or name the right field under `dataset` in the suite.",
            )
        return self.fields[field]

    def found(self, field: str | None) -> JsonValue:
        """The value under ``field``; None where no field is asked for or the row lacks it."""
        return None if field is None else self.fields.get(field)

    def fits(self, where: Mapping[str, JsonValue]) -> bool:
        """Whether the fields have the values that ``where`` asks for."""
        for field, wanted in where.items():
            found = self.read(field)
            options = wanted if isinstance(wanted, list) else [wanted]
            # A cell of a table is a text, whatever it means.
            if found not in options and _written(found) not in map(_written, options):
                return False
        return True


def _written(value: JsonValue) -> str:
    return value if isinstance(value, str) else compact(value)


def _text(value: JsonValue) -> str | None:
    """``value`` as a text; None where it is empty."""
    return None if value in (None, "") else _written(value)


def _case(dataset: Dataset, row: _Row) -> Case:
    given = (
        row.read(dataset.input)
        if isinstance(dataset.input, str)
        else {name: row.read(field) for name, field in dataset.input.items()}
    )
    answer = None if dataset.output is None else Recorded(output=row.read(dataset.output))
    try:
        return Case(
            id=_id(dataset, row, given),
            feature=_text(row.found(dataset.feature)),
            scenario=_text(row.found(dataset.scenario)),
            tags=_tags(row.found(dataset.tags)),
            input=given,
            assertions=_assertions(dataset.assertions, row),
            corrected_output=row.found(dataset.expected),
            columns=row.fields,
            recorded=answer,
        )
    except ValidationError as problem:
        raise Refusal(
            f"{row.where} does not fit: {mistakes_in(problem, Case)}.",
            next_step="Mend the row, or name another field under `dataset` in the suite.",
        ) from None


def _id(dataset: Dataset, row: _Row, given: JsonValue) -> str:
    if dataset.id is None:
        return f"row-{fingerprint(given)}"
    told = _text(row.read(dataset.id))
    if told is None:
        raise Refusal(f"{row.where} has an empty {dataset.id!r}.", next_step="Give it an id.")
    try:
        return _NAME.validate_python(told)
    except ValidationError:
        return plain(told, told)


def _again(dataset: Dataset, row: _Row, case: Case, first: str, number: int) -> Case:
    """A second row of one id: an error where ids are told, else a further case."""
    if dataset.id is not None:
        raise Refusal(
            f"{row.where} has the id {case.id!r} of {first}.",
            next_step="Give each row an id of its own, or leave `id` out of the dataset.",
        )
    return case.model_copy(update={"id": f"{case.id}-{number}"})


def _tags(value: JsonValue) -> tuple[str, ...]:
    listed = unpacked(value)
    if isinstance(listed, list):
        return tuple(_written(tag) for tag in listed)
    return tuple(tag.strip() for tag in _written(listed or "").split(",") if tag.strip())


def _assertions(specs: tuple[Spec, ...], row: _Row) -> tuple[Spec, ...]:
    try:
        return tuple(
            {key: filled(value, row.fields) for key, value in spec.items()} for spec in specs
        )
    except ValueError as problem:
        raise Refusal(
            f"{row.where} does not fit an assertion: {problem}.",
            next_step="Mend the row, or the assertions of `dataset` in the suite.",
        ) from None


async def trace_cases(dataset: Dataset, store: Store, now: float) -> tuple[Case, ...]:
    """A case for each trace that the dataset's query finds, the newest first.

    Raises:
        Refusal: The query is wrong, or finds nothing in this store.
    """
    found = [_traced(dataset, trace) async for trace in _traces(dataset, store, now)]
    if not found:
        raise Refusal(
            f"No stored trace matches the dataset's query {dataset.query!r}.",
            next_step="Import traces, or mend the query: search_traces shows what it finds.",
        )
    return tuple(found)


async def some_trace_cases(dataset: Dataset, store: Store, ids: Iterable[str]) -> dict[str, Case]:
    """The cases of those traces that are still stored."""
    known = [(case_id, await store.trace(case_id)) for case_id in ids]
    return {case_id: _traced(dataset, trace) for case_id, trace in known if trace is not None}


async def _traces(dataset: Dataset, store: Store, now: float) -> AsyncIterator[Trace]:
    query = parse(dataset.query or "", now=now)
    left, cursor = dataset.most_traces, None
    while left > 0:
        page = await store.search(query, limit=min(left, _PAGE), cursor=cursor)
        for row in page.rows:
            trace = await store.trace(row.id)
            if trace is not None:
                yield trace
        left, cursor = left - len(page.rows), page.next_cursor
        if cursor is None:
            return


def _traced(dataset: Dataset, trace: Trace) -> Case:
    subject = subject_of(trace)
    row = _Row(trace.id, {**trace.metadata, "input": subject.input, "output": subject.output})
    return Case(
        id=trace.id,
        tags=trace.tags,
        input=subject.input,
        assertions=_assertions(dataset.assertions, row),
        columns=trace.metadata,
        recorded=recorded(subject, trace.error),
    )
