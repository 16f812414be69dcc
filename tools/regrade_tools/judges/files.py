"""``evals/judges/<judge>.md``: judges as the repository has them, and what is kept of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from regrade_tools.files.repository import LARGEST_OF_OURS
from regrade_tools.files.workspace import Workspace
from regrade_tools.judges import judgebook
from regrade_tools.judges.bench import Sitting
from regrade_tools.judges.judgebook import JudgeBook, Look
from regrade_tools.judges.judging import Example, reads_context
from regrade_tools.judges.sources import recordings, source
from regrade_tools.labels.files import LabelFiles
from regrade_tools.models import Judge, Judged, JudgeSpec
from regrade_tools.refusal import Refusal, unknown

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?(.*)\Z", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class JudgeFiles:
    """The judges of a workspace."""

    workspace: Workspace

    def names(self) -> list[str]:
        """The names of the judges."""
        return self.workspace.names("judges", ".md")

    def judge(self, name: str) -> Judge:
        """One judge.

        Raises:
            Refusal: There is no such judge, or its file is wrong.
        """
        if name not in self.names():
            raise unknown(
                "judge",
                name,
                self.names(),
                next_step="A judge is a file evals/judges/<judge>.md; `regrade schema judge` says "
                "what stands in its front matter.",
            )
        # Imported with the first judge: a server that lists its tools reads no file.
        from regrade_tools.files.documents import DocumentError, load  # noqa: PLC0415

        path = self.workspace.evals / "judges" / f"{name}.md"
        shown = self.workspace.shown(path)
        parts = _FRONT.match(self.workspace.text(path))
        if parts is None:
            raise Refusal(
                f"{shown} has no front matter.",
                next_step="It begins with ---, `criterion: <name>`, ---; the prompt follows.",
            )
        try:
            spec = JudgeSpec.model_validate(load(parts.group(1)))
        except DocumentError as problem:
            raise Refusal(f"{shown} {problem}.", next_step="Mend the front matter.") from None
        except ValidationError as problem:
            raise self.workspace.wrong(path, JudgeSpec, "judge", problem) from None
        return Judge(name, spec, parts.group(2).strip())

    def reads_context(self, criterion: str) -> bool:
        """Whether an answer is judged by a criterion together with its context.

        It is where any judge of the criterion is shown that: people then label it with that, too,
        and an item of it is the same for all of them.

        Raises:
            Refusal: The file of a judge is wrong.
        """
        judges = (self.judge(name) for name in self.names())
        return any(reads_context(one) for one in judges if one.spec.criterion == criterion)

    def sitting(self, judge: Judge) -> Sitting:
        """``judge`` with its models, its examples and what it said elsewhere.

        Raises:
            Refusal: A model is not declared, an example is not a label of the train split, or
                the recorded judgements cannot be read.
        """
        spec = judge.spec
        names = spec.jury or ((spec.model,) if spec.model else ())
        recorded = recordings(self.workspace, spec)
        return Sitting(
            judge,
            tuple(self.workspace.language_model(name) for name in names),
            self._examples(judge),
            recorded,
            source(self.workspace, spec, recorded),
        )

    def _examples(self, judge: Judge) -> tuple[Example, ...]:
        if not judge.spec.examples:
            return ()
        labels = LabelFiles(self.workspace)
        book, splits = labels.book(judge.spec), labels.splits(judge.spec)
        by_item = {truth.row.label.item: truth for truth in book.truths}
        leaked = [key for key in judge.spec.examples if splits.get(key) not in (None, "train")]
        if leaked:
            raise Refusal(
                f"The judge {judge.name} shows {leaked[0]} as an example, which is in the "
                f"{splits[leaked[0]]} split: it would be measured on what it was told.",
                next_step="Take them of the train split: align_judge with split=train lists it.",
            )
        for key in judge.spec.examples:
            if key not in by_item:
                raise unknown("label of a person for the example", key, by_item)
        return tuple(
            Example(by_item[key].row.item, by_item[key].verdict, by_item[key].row.label.critique)
            for key in judge.spec.examples
        )

    def book(self, name: str) -> JudgeBook:
        """What is kept of a judge."""
        answers, history = self._book_paths(name)
        return JudgeBook(
            judgebook.read_answers(*self._read(answers)),
            judgebook.read_history(*self._read(history)),
        )

    def keep(self, name: str, answers: Mapping[str, Judged], look: Look) -> None:
        """Write what the judge says of labelled items now, and that somebody looked."""
        kept, history = self._book_paths(name)
        with self.workspace.locked():
            before = self.book(name)
            current = {
                key: judged
                for key, judged in before.answers.items()
                if judged.fingerprint == look.fingerprint
            }
            # What a judge thinks of the test split is nobody's to learn from.
            said = {
                key: replace(judged, reasoning="") if look.split == "test" else judged
                for key, judged in answers.items()
            }
            text = judgebook.answers_text({**current, **said}.values())
            # The look first: where this process is killed between them, it looked and knows
            # nothing, and no answer is kept of a look that nobody counts.
            looks = judgebook.history_text([*before.history, look])
            self.workspace.replace(history, looks)
            self.workspace.replace(kept, text)

    def _book_paths(self, name: str) -> tuple[Path, Path]:
        folder = self.workspace.evals / "judgements"
        return folder / f"{name}.jsonl", folder / f"{name}.history.jsonl"

    def _read(self, path: Path) -> tuple[str, str]:
        held = self.workspace.holds(path)
        text = self.workspace.text(path, LARGEST_OF_OURS) if held else ""
        return text, self.workspace.shown(path)
