"""The spans of one file on their way to traces: so many at a time, not the whole file.

The spans of a trace lie near each other as a rule, though in different records. Of a trace that
nothing was added to for long the spans are let go as a trace; what still comes of it later is a
trace with the same id, by which a store puts the two together.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from regrade_tools.formats.spans import LoggedSpan, in_order

# Bytes of records; as objects they take five times the room.
_HELD_BYTES = 4 * 1024 * 1024
# A span takes some room however few bytes it is of.
_LEAST_BYTES = 400


@dataclass(slots=True)
class _Group:
    """The spans of one trace so far, their bytes, and when the last ones came."""

    spans: list[LoggedSpan] = field(default_factory=list[LoggedSpan])
    size: int = 0
    touched: int = 0


@dataclass(slots=True)
class Gathering:
    """Spans by their format and the id of their trace; ``most`` bytes of them are held."""

    most: int = _HELD_BYTES
    _held: dict[str, dict[str, _Group]] = field(default_factory=dict[str, dict[str, _Group]])
    _size: int = 0
    _records: int = 0

    def add(self, kind: str, spans: Iterable[LoggedSpan], size: int) -> None:
        """Hold the spans of a record of ``size`` bytes; where one is bad, those before it."""
        found: list[LoggedSpan] = []
        try:
            found.extend(spans)
        finally:
            self._hold(kind, found, size)

    def _hold(self, kind: str, found: list[LoggedSpan], size: int) -> None:
        share = max(size // max(len(found), 1), _LEAST_BYTES)
        groups = self._held.setdefault(kind, {})
        self._records += 1
        self._size += share * len(found)
        for item in found:
            group = groups.get(item.trace_id)
            if group is None:
                group = groups[item.trace_id] = _Group()
            group.spans.append(item)
            group.size += share
            group.touched = self._records

    def due(self) -> Iterator[tuple[str, list[LoggedSpan], int]]:
        """The format of each trace that is let go, its spans in the order of their start, its size.

        Those that have waited longest, until half of the room is free. What has no trace id
        belongs together to the end of the file.
        """
        if self._size <= self.most:
            return
        waiting = sorted(
            (group.touched, kind, name)
            for kind, groups in self._held.items()
            for name, group in groups.items()
            if name and group.touched < self._records
        )
        for _, kind, name in waiting:
            group = self._held[kind].pop(name)
            self._size -= group.size
            yield kind, in_order(group.spans), group.size
            if self._size <= self.most // 2:
                return

    def rest(self) -> Iterator[tuple[str, list[LoggedSpan], int]]:
        """As ``due``, for all that is held."""
        for kind, groups in self._held.items():
            while groups:
                group = groups.pop(next(iter(groups)))
                yield kind, in_order(group.spans), group.size
