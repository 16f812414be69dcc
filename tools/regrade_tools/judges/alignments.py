"""A judge measured on the labels of people, split by split, and where that leaves it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from regrade_tools.budget import Budget
from regrade_tools.files.workspace import Workspace
from regrade_tools.judges.alignment import (
    Assessment,
    Confusion,
    Evidence,
    Pair,
    Rate,
    assess,
    confusion,
)
from regrade_tools.judges.bench import Bench, Sitting
from regrade_tools.judges.files import JudgeFiles
from regrade_tools.judges.judgebook import JudgeBook, Look
from regrade_tools.labels.files import LabelFiles
from regrade_tools.labels.labelbook import Truth
from regrade_tools.models import Item, Judged, JudgeSpec, Split
from regrade_tools.runs.running import Progress, silent

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled item and what the judge says of it; None where it was not asked."""

    truth: Truth
    judged: Judged | None

    @property
    def pair(self) -> Pair:
        """The two verdicts; what was not asked is errored."""
        return Pair(self.truth.verdict, self.judged.verdict if self.judged else "errored")

    @property
    def disagrees(self) -> bool:
        """Whether both decided, and differently."""
        said = self.pair.judge
        return said in ("pass", "fail") and said != self.truth.verdict


@dataclass(frozen=True)
class Alignments:
    """How far the judges of a workspace can be trusted."""

    workspace: Workspace

    @property
    def files(self) -> JudgeFiles:
        """The judges."""
        return JudgeFiles(self.workspace)

    @property
    def labels(self) -> LabelFiles:
        """The labels."""
        return LabelFiles(self.workspace)

    def items(self, sitting: Sitting, split: Split) -> list[Item]:
        """The labelled items of a split, in the order of their keys; the splits are frozen now."""
        spec = sitting.judge.spec
        splits = self.labels.splits(spec)
        self.labels.freeze(spec, splits)
        truths = self.labels.book(spec).truths
        return sorted(
            (truth.item for truth in truths if splits[truth.item.key] == split),
            key=lambda item: item.key,
        )

    def tested(self, spec: JudgeSpec) -> frozenset[str]:
        """The keys of what the test split holds: what a judge says of it one by one is hidden."""
        return frozenset(key for key, split in self.labels.splits(spec).items() if split == "test")

    async def measure(
        self,
        bench: Bench,
        sitting: Sitting,
        split: Split,
        budget: Budget,
        progress: Progress = silent,
    ) -> list[Row]:
        """Ask the judge about every labelled item of a split, and keep what it says."""
        judged = await bench.hear(sitting, self.items(sitting, split), budget, progress)
        return self.look(sitting, split, judged)

    def look(self, sitting: Sitting, split: Split, judged: Mapping[str, Judged]) -> list[Row]:
        """Compare with people what a judge said of a split; the look is counted."""
        truths = self.labels.book(sitting.judge.spec).truths
        rows = [Row(truth, judged[truth.item.key]) for truth in truths if truth.item.key in judged]
        answered = {key: one for key, one in judged.items() if one.verdict != "errored"}
        counts = confusion((row.pair for row in rows), sitting.judge.spec.unknown)
        look = Look(
            at=time.time(),
            fingerprint=sitting.fingerprint,
            split=split,
            tp=counts.tp,
            fn=counts.fn,
            tn=counts.tn,
            fp=counts.fp,
            unknown=sum(one.verdict == "unknown" for one in answered.values()),
            errored=len(judged) - len(answered),
            added=tuple(sorted(judged.keys() - self.files.book(sitting.judge.name).seen(split))),
        )
        # Where nothing was answered nothing was seen: no key, or no label yet.
        if answered:
            self.files.keep(sitting.judge.name, answered, look)
        return rows

    def assessment(self, name: str) -> Assessment:
        """The state of a judge, computed from the files of the repository alone.

        Raises:
            Refusal: The judge, its labels or what is kept of it cannot be read.
        """
        judge = self.files.judge(name)
        sitting = self.known_agent(self.files.sitting(judge))
        return assess(self._evidence(sitting), judge.spec.thresholds)

    def known_agent(self, sitting: Sitting) -> Sitting:
        """A judge that is the calling agent, as the agent who was measured last."""
        if not sitting.needs_an_agent:
            return sitting
        for look in reversed(self.files.book(sitting.judge.name).looks()):
            agent = sitting.agent_of(look.fingerprint)
            if agent:
                return replace(sitting, agent=agent)
        return sitting

    def _evidence(self, sitting: Sitting) -> Evidence:
        spec, kept = sitting.judge.spec, self.files.book(sitting.judge.name)
        splits = self.labels.splits(spec)
        test = [one for one in self.labels.book(spec).truths if splits[one.item.key] == "test"]
        dealt = {row.label.item: row.split for row in self.labels.rows(spec.criterion)}
        answers = {
            key: judged
            for key, judged in kept.answers.items()
            if judged.fingerprint == sitting.fingerprint
        }
        rows = [Row(truth, answers.get(truth.item.key)) for truth in test]
        asked = [row.judged for row in rows if row.judged is not None]
        newest = max((one.judged_at for one in asked), default=0.0)
        return Evidence(
            test=confusion((row.pair for row in rows), spec.unknown),
            passes=sum(one.verdict == "pass" for one in test),
            fails=sum(one.verdict == "fail" for one in test),
            unknown=Rate(sum(one.verdict == "unknown" for one in asked), len(asked)),
            unasked=Confusion(
                fn=sum(row.judged is None and row.truth.verdict == "pass" for row in rows),
                fp=sum(row.judged is None and row.truth.verdict == "fail" for row in rows),
            ),
            age_days=max(0.0, time.time() - newest) / _DAY_S,
            fresh=self._fresh(sitting, kept, rows),
            measured_before=bool(kept.looks()),
            moved=sum(dealt.get(key) != "test" for key in kept.seen()),
        )

    def _fresh(self, sitting: Sitting, kept: JudgeBook, rows: list[Row]) -> Confusion:
        """The answers to labels that were given after this judge was first measured."""
        own = [look.at for look in kept.looks() if look.fingerprint == sitting.fingerprint]
        if not own:
            return Confusion()
        later = [row.pair for row in rows if row.truth.row.label.labelled_at > min(own)]
        return confusion(later, sitting.judge.spec.unknown)
