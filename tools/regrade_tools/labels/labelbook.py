"""``evals/labels/<criterion>.jsonl``: labels with what was labelled, so that anybody can check.

For alignment this file is the truth: a teammate and CI compute the same from it, without the
traces. A line is a label; the latest of one labeller for one item counts.
"""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue, ValidationError

from regrade_tools.files.mistakes import mistakes_in
from regrade_tools.fingerprint import item_content, item_key
from regrade_tools.judges.alignment import consensus
from regrade_tools.labels.signatures import signed_text, verified
from regrade_tools.models import Item, Label, Sampled, Split, ToolCall, Verdict
from regrade_tools.models.document import Document
from regrade_tools.refusal import Refusal
from regrade_tools.texts.jsontext import lines
from regrade_tools.texts.plaintext import counted

# How a line begins that is written here.
_BEGINS = b'{"label":{"id":"lb_'
# And how it stops where it is cut, but within a text: before a value or in one.
_CUT = re.compile(r"[\w.+\\-]{0,6}")
# Of an item that was picked in several ways the first of these counts: what was drawn at random
# stays a random draw, whatever else it was labelled for.
_WAYS: tuple[Sampled, ...] = ("random", "by_verdict", "by_label", "unknown")


class LabelRow(Document):
    """A line of a label file. ``split`` is written when the label is first used."""

    label: Label
    input: JsonValue = None
    output: JsonValue = None
    tool_calls: tuple[ToolCall, ...] = ()
    context: tuple[JsonValue, ...] = ()
    split: Split | None = None

    @property
    def item(self) -> Item:
        """What was labelled."""
        label = self.label
        return Item(
            label.item,
            self.input,
            self.output,
            self.tool_calls,
            label.trace_id,
            label.group,
            context=self.context,
        )

    @property
    def signed(self) -> bytes:
        """What the labeller's signature is of."""
        return signed_text(self.label, self._content)

    @property
    def _content(self) -> str:
        return item_content(self.input, self.output, self.item.calls, self.context)


@dataclass(frozen=True, slots=True)
class Draws:
    """By whose verdicts an item was drawn to be labelled, by one way of sampling.

    ``judges`` are fingerprints; ``unnamed_at`` is when the first label was given that names none,
    as none did before labels told it.
    """

    judges: frozenset[str] = frozenset()
    unnamed_at: float | None = None

    def and_by(self, label: Label) -> "Draws":
        """With another label of the item, later than those before."""
        if label.drawn_by:
            return replace(self, judges=self.judges | {label.drawn_by})
        return self if self.unnamed_at is not None else replace(self, unnamed_at=label.labelled_at)


@dataclass(frozen=True, slots=True)
class Truth:
    """What people say of one item: the verdict on which more than half of them agree.

    ``sampled`` is how the item was picked, and ``drawn`` by which judges' verdicts and when:
    whoever answers again, or second, does not undo that it was drawn.
    """

    row: LabelRow
    verdict: Verdict
    labellers: tuple[str, ...]
    sampled: Sampled = "unknown"
    drawn: Draws = Draws()

    @property
    def item(self) -> Item:
        """What was labelled."""
        return self.row.item


@dataclass(frozen=True, slots=True)
class LabelBook:
    """The labels of one criterion. ``untrusted`` says of which lines nobody can tell who wrote it.

    ``disputed`` are the items on which as many people say one thing as the other. ``history`` is
    all that people signed by the words of now, in order of time; ``rows`` have the latest of each.
    """

    criterion: str
    rows: tuple[LabelRow, ...] = ()
    truths: tuple[Truth, ...] = ()
    untrusted: tuple[str, ...] = ()
    disputed: tuple[str, ...] = ()
    outdated: int = 0
    history: tuple[LabelRow, ...] = ()

    def by_labeller(self) -> dict[str, dict[str, Verdict]]:
        """Each labeller's verdict by item, of the labels that can be trusted."""
        found: dict[str, dict[str, Verdict]] = {}
        for row in self.rows:
            if row.label.source == "human":
                found.setdefault(row.label.labeller, {})[row.label.item] = row.label.verdict
        return found


def waiting(suggestions: int) -> str:
    """What is told of suggestions on which no person has said anything."""
    wait = "waits" if suggestions == 1 else "wait"
    return f"{counted(suggestions, 'suggestion')} {wait} for a person"


def read(text: str, shown: str) -> tuple[LabelRow, ...]:
    """The lines of a label file.

    A last line without its end is left out where a process was killed while it wrote it: nobody
    was told that it is kept.

    Raises:
        Refusal: A line is no label, or its item is not what it holds.
    """
    rows: list[LabelRow] = []
    whole, _, last = text.rpartition("\n")
    for number, line in lines(whole if is_torn(last.encode()) else text):
        try:
            row = LabelRow.model_validate_json(line)
        except ValidationError as problem:
            raise Refusal(
                f"{shown}:{number} is no label: {mistakes_in(problem, LabelRow)}.",
                next_step="Take the line back to what version control has of it.",
            ) from None
        if row.label.item != item_key(row.input, row.output, row.item.calls, row.context):
            raise Refusal(
                f"{shown}:{number} holds another input, output, tool call or context than was "
                "labelled.",
                next_step="Take the line back to what version control has of it.",
            )
        rows.append(row)
    return tuple(rows)


def written(rows: Iterable[LabelRow]) -> str:
    """The text of a label file, a line a label."""
    return "".join(row.model_dump_json(exclude_defaults=True) + "\n" for row in rows)


def is_torn(last: bytes) -> bool:
    """Whether what stands after the last line feed is the beginning of a label that was written.

    What somebody else may have written there is never taken for one.
    """
    if not last or not (last.startswith(_BEGINS) or _BEGINS.startswith(last)):
        return False
    try:
        # A character may be cut, too.
        text = getincrementaldecoder("utf-8")().decode(last)
        json.loads(text)
    except json.JSONDecodeError as problem:
        # What is wrong elsewhere somebody has edited, or it is another label behind a whole one.
        cut = problem.msg != "Extra data" and _CUT.fullmatch(problem.doc, problem.pos)
        return bool(cut) or problem.msg.startswith("Unterminated string")
    except (UnicodeDecodeError, RecursionError):
        return False
    return False


def book(
    criterion: str, rows: Iterable[LabelRow], keys: Mapping[str, str], version: str
) -> LabelBook:
    """What people say by ``criterion``.

    Args:
        criterion: The criterion.
        rows: The lines of its file.
        keys: Each labeller's public key.
        version: The criterion's words as they are now: a label by other words is outdated.
    """
    latest: dict[tuple[str, str, str], LabelRow] = {}
    untrusted: list[str] = []
    history: list[LabelRow] = []
    for row in sorted(rows, key=lambda row: row.label.labelled_at):
        if row.label.source == "human" and not _trusted(row, keys):
            untrusted.append(row.label.id)
            row = row.model_copy(update={"label": replace(row.label, source="agent")})  # noqa: PLW2901 - the same line, believed less
        if row.label.source == "human" and row.label.version == version:
            history.append(row)
        # By source, too: nothing that only uses a person's name takes the place of what they said.
        latest[row.label.item, row.label.labeller, row.label.source] = row
    kept = tuple(latest.values())
    current = [row for row in kept if row.label.source == "human" and row.label.version == version]
    human = sum(row.label.source == "human" for row in kept)
    truths, disputed = _truths(current, _drawn(history))
    outdated = human - len(current)
    return LabelBook(criterion, kept, truths, tuple(untrusted), disputed, outdated, tuple(history))


def _trusted(row: LabelRow, keys: Mapping[str, str]) -> bool:
    key = keys.get(row.label.labeller)
    return key is not None and verified(key, row.signed, row.label.signature)


def _drawn(history: Iterable[LabelRow]) -> dict[str, dict[Sampled, Draws]]:
    """How each item was picked, and by whom."""
    drawn: dict[str, dict[Sampled, Draws]] = {}
    for row in history:
        ways = drawn.setdefault(row.label.item, {})
        ways[row.label.sampled] = ways.get(row.label.sampled, Draws()).and_by(row.label)
    return drawn


def _truths(
    rows: Iterable[LabelRow], drawn: Mapping[str, Mapping[Sampled, Draws]]
) -> tuple[tuple[Truth, ...], tuple[str, ...]]:
    by_item: dict[str, list[LabelRow]] = {}
    for row in rows:
        by_item.setdefault(row.label.item, []).append(row)
    truths: list[Truth] = []
    disputed: list[str] = []
    for item, given in by_item.items():
        said: list[Verdict] = [row.label.verdict for row in given]
        verdict = consensus(said)
        if verdict is None:
            disputed.append(item)
            continue
        agreeing = next(row for row in given if row.label.verdict == verdict)
        people = tuple(row.label.labeller for row in given)
        way: Sampled = next(way for way in _WAYS if way in drawn[item])
        truths.append(Truth(agreeing, verdict, people, way, drawn[item][way]))
    return tuple(truths), tuple(disputed)


def label_path(folder: Path, criterion: str) -> Path:
    """The file of a criterion's labels under ``evals/``, or under what is this machine's own."""
    return folder / "labels" / f"{criterion}.jsonl"
