"""``evals/labels/`` and ``evals/labellers.yaml``: what people say, and who they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from regrade_tools.files.repository import LARGEST_OF_OURS
from regrade_tools.files.workspace import Workspace
from regrade_tools.fingerprint import fingerprint
from regrade_tools.judges.alignment import Labelled, assign
from regrade_tools.labels import labelbook
from regrade_tools.labels.labelbook import LabelBook, LabelRow
from regrade_tools.models import JudgeSpec, Split
from regrade_tools.models.case import Name
from regrade_tools.models.document import Document


class Labellers(Document):
    """The file evals/labellers.yaml: who may label, each with a public key (Ed25519, base64)."""

    labellers: dict[Name, str] = Field(default_factory=dict[str, str])


def criterion_version(spec: JudgeSpec) -> str:
    """The version of a criterion's words; a label that was given by other words is outdated."""
    return fingerprint([spec.passes, spec.fails]) if spec.passes or spec.fails else ""


@dataclass(frozen=True, slots=True)
class LabelFiles:
    """The labels of a workspace."""

    workspace: Workspace

    def book(self, spec: JudgeSpec) -> LabelBook:
        """What people say by a judge's criterion, in its words as they are now."""
        rows = self.rows(spec.criterion)
        return labelbook.book(spec.criterion, rows, self.keys(), criterion_version(spec))

    def rows(self, criterion: str) -> tuple[LabelRow, ...]:
        """The lines of a criterion's file.

        Raises:
            Refusal: A line is no label.
        """
        path = self.path(criterion)
        if not self.workspace.holds(path):
            return ()
        text = self.workspace.text(path, LARGEST_OF_OURS, grows=True)
        return labelbook.read(text, self.workspace.shown(path))

    def criteria(self) -> list[str]:
        """The criteria that have a file of labels, in the repository or this machine's own."""
        folder = self.path("any").parent
        return [path.stem for path in self.workspace.listed(folder, ".jsonl")]

    def signed(self, criterion: str) -> list[LabelRow]:
        """What people said by a criterion, in whichever words: the latest that each signed."""
        found = labelbook.book(criterion, self.rows(criterion), self.keys(), "")
        return [row for row in found.rows if row.label.source == "human"]

    def path(self, criterion: str) -> Path:
        """The file of a criterion's labels: in the repository, or this machine's own."""
        local = self.workspace.project().labels == "local"
        return labelbook.label_path(
            self.workspace.state if local else self.workspace.evals, criterion
        )

    def keys(self) -> Mapping[str, str]:
        """Each labeller's public key."""
        path = self.workspace.evals / "labellers.yaml"
        held = self.workspace.holds(path)
        return self.workspace.file(path, Labellers).labellers if held else {}

    def append(self, criterion: str, rows: Sequence[LabelRow]) -> None:
        """Add lines to a criterion's file. Durable on return."""
        path = self.path(criterion)
        with self.workspace.locked():
            self.workspace.append(path, labelbook.written(rows), labelbook.is_torn)

    def splits(self, spec: JudgeSpec) -> dict[str, Split]:
        """The split of every labelled item; what was used before stays where it was."""
        frozen: dict[str, Split] = {
            row.label.item: row.split for row in self.rows(spec.criterion) if row.split is not None
        }
        items = [
            Labelled(truth.item.key, truth.item.group or truth.item.key, truth.verdict)
            for truth in self.book(spec).truths
        ]
        return assign(items, frozen, spec.criterion)

    def freeze(self, spec: JudgeSpec, splits: Mapping[str, Split]) -> None:
        """Write the splits beside the labels: from now on they stay."""
        path = self.path(spec.criterion)
        with self.workspace.locked():
            rows = self.rows(spec.criterion)
            dealt = tuple(
                row
                if row.split or row.label.item not in splits
                else row.model_copy(update={"split": splits[row.label.item]})
                for row in rows
            )
            if dealt != rows:
                self.workspace.replace(path, labelbook.written(dealt))
