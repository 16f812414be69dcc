"""A workspace with a judge and labels that people signed, as tests need it."""

import base64
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import JsonValue

from regrade_tools.fingerprint import fingerprint, item_key
from regrade_tools.labels.labelbook import LabelBook, LabelRow, written
from regrade_tools.models import Label, ToolCall, shown_calls

PASSES, FAILS = "The recipe keeps to the diet.", "Something in it breaks the diet."
JUDGE = """\
---
criterion: diet
passes: {passes}
fails: {fails}
{more}
---
Does the recipe keep to the diet that was asked for?
{{{{ input }}}}
{{{{ output }}}}
"""


def private_key(labeller: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(labeller.encode().ljust(32, b"."))


def know(root: Path, *labellers: str) -> None:
    """Write the public keys of ``labellers`` where the repository has them."""
    lines = ["labellers:"]
    for name in labellers:
        public = private_key(name).public_key().public_bytes_raw()
        lines.append(f"  {name}: {base64.b64encode(public).decode()}")
    (root / "evals" / "labellers.yaml").write_text("\n".join(lines) + "\n")


def judge_file(root: Path, name: str, more: str) -> None:
    folder = root / "evals" / "judges"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(JUDGE.format(passes=PASSES, fails=FAILS, more=more))


def label_row(  # noqa: PLR0913 - what a label says
    given: Any,
    output: Any,
    verdict: Any,
    *,
    split: Any = None,
    labeller: str = "ada",
    sign: bool = True,
    at: float = 1_790_000_000,
    calls: tuple[ToolCall, ...] = (),
    context: tuple[JsonValue, ...] = (),
    **more: Any,
) -> LabelRow:
    key = item_key(given, output, shown_calls(calls), context)
    label = Label(
        id=f"lb_{key[3:]}_{labeller}",
        item=key,
        criterion="diet",
        verdict=verdict,
        source="human",
        labeller=labeller,
        labelled_at=at,
        version=fingerprint([PASSES, FAILS]),
        **more,
    )
    row = LabelRow(
        label=label, input=given, output=output, tool_calls=calls, context=context, split=split
    )
    if not sign:
        return row
    signature = base64.b64encode(private_key(labeller).sign(row.signed)).decode()
    return row.model_copy(update={"label": replace(label, signature=signature)})


def write_labels(root: Path, rows: Iterable[LabelRow]) -> None:
    folder = root / "evals" / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "diet.jsonl").write_text(written(rows))


def ways(book: LabelBook) -> set[str]:
    """How the labelled items were picked."""
    return {truth.sampled for truth in book.truths}
