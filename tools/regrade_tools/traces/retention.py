"""How long traces are kept: what may be removed, and what labels and cases hold on to."""

import time
from collections.abc import Collection
from dataclasses import dataclass, replace

from regrade_tools.files.workspace import Workspace
from regrade_tools.labels.files import LabelFiles
from regrade_tools.ports import Store
from regrade_tools.refusal import Refusal
from regrade_tools.runs.running import Progress, silent
from regrade_tools.texts.timestamps import duration
from regrade_tools.traces.query import Query, parse

# One transaction removes so many: others write in between, and what is cut off is whole.
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or of a ``dry_run`` would be. Sizes are bytes of the store's file."""

    matched: int
    removed: int
    kept_labelled: int
    kept_cases: int
    dry_run: bool
    bytes_before: int
    bytes_after: int
    bytes_free: int


@dataclass(frozen=True)
class Retention:
    """Removes traces for good."""

    store: Store
    workspace: Workspace | None

    async def prune(  # noqa: PLR0913 - each a choice of the person's
        self,
        query: str = "",
        older_than: str | None = None,
        *,
        keep_labelled: bool = True,
        keep_cases: bool = True,
        dry_run: bool = False,
        shrink: bool = False,
        progress: Progress = silent,
    ) -> Pruned:
        """Remove the traces that match and are older than that, but those that must be kept.

        Args:
            query: As of search_traces.
            older_than: An age such as ``90d``; a trace without a time is as old as its import.
            keep_labelled: Keep what any label is of.
            keep_cases: Keep what a case was filed from.
            dry_run: Only count.
            shrink: Then make the file smaller, which takes its size once more on the disk.
            progress: Told how many were looked at.

        Raises:
            Refusal: Neither a query nor an age was given, or one of them cannot be read.
        """
        asked = _asked(query, older_than)
        labelled = self._labelled() if keep_labelled else set[str]()
        filed = self._filed() if keep_cases else set[str]()
        size, _ = await self.store.size()
        matched = removed = by_label = by_case = 0
        cursor: str | None = None
        while True:
            page = await self.store.search(asked, limit=_BATCH, cursor=cursor, oldest=True)
            ids = [row.id for row in page.rows]
            if keep_labelled:
                # Asked for each batch: somebody may label while traces are removed.
                labelled |= {one.trace_id for one in await self.store.labels(trace_ids=ids)}
            going = [one for one in ids if one not in labelled and one not in filed]
            matched += len(ids)
            by_label += sum(one in labelled for one in ids)
            by_case += sum(one in filed and one not in labelled for one in ids)
            removed += len(going) if dry_run else await self.store.remove(going)
            await progress(matched, matched, f"{matched:,} traces looked at")
            cursor = page.next_cursor
            if cursor is None:
                break
        if shrink and not dry_run:
            await self.store.shrink()
        after, free = await self.store.size()
        return Pruned(matched, removed, by_label, by_case, dry_run, size, after, free)

    def _labelled(self) -> set[str]:
        """The traces that the label files of the repository name, which teammates wrote, too."""
        if self.workspace is None:
            return set()
        files = LabelFiles(self.workspace)
        rows = (row for criterion in files.criteria() for row in files.rows(criterion))
        return {row.label.trace_id for row in rows}

    def _filed(self) -> Collection[str]:
        """The traces that cases were filed from."""
        if self.workspace is None:
            return set()
        cases = (case for suite in self.workspace.suites() for case in self.workspace.cases(suite))
        return {case.provenance.trace for case in cases if case.provenance}


def _asked(text: str, older_than: str | None) -> Query:
    """What is to be removed."""
    query = parse(text, now=time.time())
    if older_than is None:
        if query == Query():
            raise Refusal(
                "That would remove every trace.",
                next_step="Say which: --older-than 90d, --query tag:scratch, or both.",
            )
        return query
    before = time.time() - _age(older_than)
    return replace(query, until=before if query.until is None else min(before, query.until))


def _age(text: str) -> float:
    seconds = duration(text) if text[-1:].isalpha() else None
    if seconds is None:
        raise Refusal(f"{text[:40]!r} is no age.", next_step="Write 90d, 12h or 2w.")
    return seconds
