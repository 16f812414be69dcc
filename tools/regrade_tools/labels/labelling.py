"""Labels as they come about: what is labelled, by which words, suggested or signed."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import content_hash, id_number
from regrade_tools.judges.files import JudgeFiles
from regrade_tools.labels.files import LabelFiles, criterion_version
from regrade_tools.labels.labelbook import LabelBook, LabelRow, book
from regrade_tools.models import Drawn, Item, Label, LabelSource, Verdict
from regrade_tools.models.case import is_name
from regrade_tools.ports import Signers, Store
from regrade_tools.refusal import Refusal, unknown
from regrade_tools.secrets.redaction import redaction
from regrade_tools.texts.patterns import SlowPatternError

# Characters of what is said with a verdict.
LONGEST_CRITIQUE, LONGEST_MODE = 4_000, 80


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is labelled by: its words and their version, and the judges that use it.

    ``context`` where one of them is shown what tools returned and what was retrieved.
    """

    name: str
    version: str = ""
    passes: str = ""
    fails: str = ""
    judges: tuple[str, ...] = ()
    context: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says of an item."""

    item: Item
    verdict: Verdict
    critique: str = ""
    mode: str = ""
    drawn: Drawn = field(default_factory=Drawn)


@dataclass(frozen=True)
class Labelling:
    """How labels are made and kept."""

    store: Store
    workspace: Workspace
    signers: Signers

    @property
    def files(self) -> LabelFiles:
        """The labels of the repository."""
        return LabelFiles(self.workspace)

    def criterion(self, name: str) -> Criterion:
        """A criterion by its name; it may be one that no judge uses yet.

        Raises:
            Refusal: It is no name, or judges describe it in different words.
        """
        if not is_name(name):
            raise Refusal(
                f"{name[:80]!r} is no name of a criterion.",
                next_step="Letters, digits, - and _, at most 80, such as keeps-to-the-diet.",
            )
        judges = JudgeFiles(self.workspace)
        specs = {judge: judges.judge(judge).spec for judge in judges.names()}
        using = {judge: spec for judge, spec in specs.items() if spec.criterion == name}
        versions = {criterion_version(spec) for spec in using.values()}
        if len(versions) > 1:
            raise Refusal(
                f"The judges {', '.join(using)} describe {name!r} in different words.",
                next_step="Give them the same `passes` and `fails`, or two criteria.",
            )
        if not using:
            return Criterion(name)
        spec = next(iter(using.values()))
        context = judges.reads_context(name)
        return Criterion(name, versions.pop(), spec.passes, spec.fails, tuple(using), context)

    def require(self, criterion: Criterion) -> None:
        """Make sure that a judge uses a criterion, or somebody has labelled by it.

        Raises:
            Refusal: Neither; the nearest that there is, and all of them.
        """
        if criterion.judges or self.book(criterion).rows:
            return
        judges = JudgeFiles(self.workspace)
        used = {judges.judge(name).spec.criterion for name in judges.names()}
        raise unknown(
            "criterion", criterion.name, {*used, *self.files.criteria()},
            next_step="`regrade label NAME` begins one.",
        )  # fmt: skip

    def labellers(self) -> list[str]:
        """The people whose key is here and is the one that the repository has of them."""
        known = self.files.keys()
        here = [name for name in self.signers.names() if name in known]
        return [name for name in here if self.signers.public(name) == known[name]]

    def labeller(self, told: str | None = None) -> str:
        """Who signs: the one who was ``told``, or the only one there is.

        Raises:
            Refusal: There is none, or several.
        """
        able = self.labellers()
        if told is None and len(able) == 1:
            return able[0]
        if told in able:
            return str(told)
        problem = "Nobody at this machine can sign labels here."
        if told is not None:
            problem = f"{told} cannot sign labels here: no key, or not the repository's."
        elif able:
            problem = f"Several people can sign here: {', '.join(able)}."
        step = "Name one with --as." if able else "A person runs `regrade labeller NAME` first."
        raise Refusal(problem, next_step=step)

    def book(self, criterion: Criterion) -> LabelBook:
        """What people say by a criterion, in its words as they are now."""
        rows = self.files.rows(criterion.name)
        return book(criterion.name, rows, self.files.keys(), criterion.version)

    def rows(
        self, criterion: Criterion, answers: Iterable[Answer], source: LabelSource, labeller: str
    ) -> list[LabelRow]:
        """Lines of a label file, unsigned. What is secret in a critique is replaced."""
        return [self._row(criterion, answer, source, labeller) for answer in answers]

    def _row(
        self, criterion: Criterion, answer: Answer, source: LabelSource, labeller: str
    ) -> LabelRow:
        item, now = answer.item, time.time()
        label = Label(
            id="",
            item=item.key,
            criterion=criterion.name,
            verdict=answer.verdict,
            source=source,
            labeller=labeller,
            labelled_at=now,
            critique=self.clean(answer.critique),
            mode=self.clean(answer.mode),
            trace_id=item.trace_id,
            group=item.group,
            version=criterion.version,
            sampled=answer.drawn.way,
            sample=answer.drawn.sample,
            drawn_by=answer.drawn.judge,
        )
        said = content_hash([item.trace_id, item.key, criterion.name, source, labeller, now,
                             label.verdict, label.critique])  # fmt: skip
        label = replace(label, id=f"lb_{said[:20]}")
        return LabelRow(
            label=label,
            input=item.input,
            output=item.output,
            tool_calls=item.tool_calls,
            context=item.context,
        )

    async def sign(
        self, criterion: Criterion, answers: Iterable[Answer], labeller: str
    ) -> list[LabelRow]:
        """Keep what a person says, signed with their key. Durable on return."""
        rows = [self._signed(row) for row in self.rows(criterion, answers, "human", labeller)]
        await self.keep(criterion, rows)
        return rows

    def _signed(self, row: LabelRow) -> LabelRow:
        """``row`` with its labeller's signature."""
        signature = self.signers.sign(row.label.labeller, row.signed)
        return row.model_copy(update={"label": replace(row.label, signature=signature)})

    async def keep(self, criterion: Criterion, rows: Sequence[LabelRow]) -> None:
        """Keep labels: those of people always in their file, for it is the truth. Durable."""
        written = [row for row in rows if criterion.judges or row.label.source == "human"]
        if written:
            self.files.append(criterion.name, written)
        await self.store.add_labels([row.label for row in rows if row.label.trace_id])

    async def restore(self, criterion: Criterion) -> None:
        """Make labels searchable that the file has and the store has not: teammates' labels."""
        labels = [row.label for row in self.book(criterion).rows]
        await self.store.add_labels([one for one in labels if id_number(one.trace_id) is not None])

    def clean(self, text: str) -> str:
        """``text`` without secrets.

        Raises:
            Refusal: A pattern of the project cannot be searched for.
        """
        try:
            return str(redaction(self.workspace.project().redact).apply(text))
        except (ValueError, SlowPatternError) as problem:
            raise Refusal(f"evals/regrade.yaml: `redact`: {problem}.") from None


def misfit(verdict: str, critique: str, mode: str) -> str:
    """Why that cannot be said of an item, or nothing."""
    if len(critique) > LONGEST_CRITIQUE:
        return f"critique is longer than {LONGEST_CRITIQUE:,} characters"
    if len(mode) > LONGEST_MODE:
        return f"mode is longer than {LONGEST_MODE} characters"
    return "mode is the kind of a failure, and this passes" if mode and verdict == "pass" else ""
