"""An import: what becomes of the traces that were read, and the report of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from regrade_tools.fingerprint import id_number
from regrade_tools.formats import FIELDS, Item, Note, Skipped, Unused, former_id
from regrade_tools.models import Trace, file_of
from regrade_tools.ports import Store
from regrade_tools.secrets.redaction import Redaction
from regrade_tools.texts.clipping import clip, clip_list
from regrade_tools.texts.plaintext import counted, encodable, line
from regrade_tools.traces.completion import differs
from regrade_tools.traces.store import Appended

_BATCH = 1_000
_BATCH_BYTES = 32 * 1024 * 1024
# So many are read back at once: each waits for a thread, and all are held.
_TOGETHER = 32
_SHOWN = 10
_LONGEST_LINE = 400
_LONGEST_LIST = 240
_REMOVE = "`regrade prune --query source:FILE --no-keep-labelled --no-keep-cases`"
_ANEW = (
    f"to read them anew, remove them first: {_REMOVE}; what is imported again has the same ids, by "
    "which labels and cases find it"
)
_TIMED = f"remove them ({_REMOVE}) and import them with timestamp=FIELD: they have the same ids"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did; the first of what it skipped, each file and reason once.

    ``completed`` counts known traces whose later spans or tags came; ``notes`` say what was read
    otherwise than it stands in the log, and what was not changed.
    """

    stored: int
    already_known: int
    skipped: int
    files: int
    skipped_first: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    redacted: dict[str, int] = field(default_factory=dict[str, int])
    completed: int = 0
    hint: str | None = None


def batch(found: Iterator[tuple[Item, int]]) -> list[Item]:
    """The next items, each of which comes with its bytes: many small ones, or a few large ones."""
    items: list[Item] = []
    held = 0
    for item, size in islice(found, _BATCH):
        items.append(item)
        held += size
        if held > _BATCH_BYTES:
            break
    return items


@dataclass(slots=True)
class Tally:
    """The report while it grows."""

    stored: int = 0
    known: int = 0
    completed: int = 0
    skipped: int = 0
    files: int = 0
    _untimed: int = 0
    _other_content: int = 0
    _noted: int = 0
    _unused: Counter[str] = field(default_factory=Counter[str])
    # A dry run stores nothing; what it has seen is then known, by the numbers of the ids.
    dry_run: bool = False
    _seen: set[int | None] = field(default_factory=set[int | None])
    # By file and reason: where it was first, and how often.
    _first: dict[tuple[str, str], tuple[str, int]] = field(
        default_factory=dict[tuple[str, str], tuple[str, int]]
    )
    _notes: list[str] = field(default_factory=list[str])

    async def keep(self, items: list[Item], store: Store) -> None:
        """Store the traces of ``items`` and count what becomes of each."""
        found = [item for item in items if isinstance(item, Trace)]
        traces = await _by_former_ids(found, store)
        appended = await (self._would(traces, store) if self.dry_run else store.append(traces))
        self.stored += appended.stored
        self.known += appended.known
        self.completed += appended.completed
        self._untimed += sum(trace.started_at is None for trace in traces)
        for item in items:
            if not isinstance(item, Trace):
                self.add(item)
        if appended.known or appended.completed:
            await self._compare(traces, store)

    async def _would(self, traces: Sequence[Trace], store: Store) -> Appended:
        """What storing ``traces`` would come to."""
        known = 0
        numbers = [id_number(trace.id) for trace in traces]
        kept = await store.known([trace.id for trace in traces])
        for number, trace in zip(numbers, traces, strict=True):
            known += number in self._seen or trace.id in kept
            self._seen.add(number)
        return Appended(len(numbers) - known, known)

    def add(self, item: Skipped | Note | Unused) -> None:
        """Count what could not be read, was read otherwise, or was not used."""
        if isinstance(item, Unused):
            self._unused.update(item.fields)
        elif isinstance(item, Skipped):
            self.skipped += 1
            kind = file_of(item.where), item.why
            where, number = self._first.get(kind, (item.where, 0))
            if number or len(self._first) < _SHOWN:
                self._first[kind] = where, number + 1
        else:
            self._noted += 1
            if len(self._notes) < _SHOWN:
                self._notes.append(_line(f"{item.where} {item.what}"))

    async def _compare(self, traces: Sequence[Trace], store: Store) -> None:
        """Count the traces that are known by their ids, but were stored as something else."""
        for start in range(0, len(traces), _TOGETHER):
            some = traces[start : start + _TOGETHER]
            kept = await store.traces([trace.id for trace in some])
            self._other_content += sum(
                differs(kept[trace.id], trace) for trace in some if trace.id in kept
            )

    def told(self, hidden: Redaction) -> Imported:
        """The report."""
        hint = None
        if not self.stored and not self.known and not self.completed:
            hint = "Nothing was imported; what was skipped says why."
        elif self.dry_run:
            hint = "Nothing was stored: this was a dry run."
        return Imported(
            stored=self.stored,
            already_known=self.known,
            completed=self.completed,
            skipped=self.skipped,
            files=self.files,
            skipped_first=[*self._reasons()],
            notes=[*self._notes, *self._totals()],
            redacted=dict(hidden.count),
            hint=hint,
        )

    def _reasons(self) -> Iterator[str]:
        for (_, why), (where, number) in self._first.items():
            alike = f" (and {number - 1} more there)" if number > 1 else ""
            yield f"{_line(f'{where} {why}')}{alike}"
        rest = self.skipped - sum(number for _, number in self._first.values())
        if rest:
            yield f"... and {rest} more"

    def _totals(self) -> Iterator[str]:
        if self._noted > len(self._notes):
            yield f"... and {self._noted - len(self._notes)} more such notes"
        if self._unused:
            most = sorted(self._unused.items(), key=lambda item: (-item[1], item[0]))
            names = [f"{name} ({number:,})" for name, number in most]
            listed = ", ".join(clip_list([line(encodable(name)) for name in names], _LONGEST_LIST))
            yield (
                f"the mapping does not use {listed}; a field may be mapped to {', '.join(FIELDS)}"
            )
        if self._other_content:
            known = counted(self._other_content, "trace")
            yield (
                f"{known} known already would be read otherwise now (by another mapping, format or "
                f"redaction) and stay as they are; {_ANEW}"
            )
        if self._untimed and self.stored:
            mapped = "map timestamp=FIELD" if self.dry_run else _TIMED
            yield (
                f"{counted(self._untimed, 'trace')} without a time of their own: newest and "
                f"since: go by when they were imported; where a field holds it, {mapped}"
            )


async def _by_former_ids(traces: list[Trace], store: Store) -> list[Trace]:
    """``traces``, those that the store or a label knows by a former id with that."""
    former = {trace.id: old for trace in traces if (old := former_id(trace)) != trace.id}
    if not former:
        return traces
    ids = [*former.values()]
    labelled = {label.trace_id for label in await store.labels(trace_ids=ids)}
    kept = labelled | await store.known(ids)
    if not kept:
        return traces
    return [
        replace(trace, id=former[trace.id]) if former.get(trace.id) in kept else trace
        for trace in traces
    ]


def _line(text: str) -> str:
    return clip(line(encodable(text)), _LONGEST_LINE)
