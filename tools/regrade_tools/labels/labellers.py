"""``evals/labellers.yaml``: a labeller is added, and every comment in it stays."""

import re

from regrade_tools.labels.files import LabelFiles
from regrade_tools.refusal import Refusal

_HEAD = """\
# Who may label, each with a public key: a label that none of these signed measures no judge.
# `regrade labeller NAME` adds one. Review every new line here as you would a new key to a server.
labellers:
"""
_KEY = re.compile(r"^labellers:[ \t]*(?:\{[ \t]*\}|~|null)?[ \t]*(?P<comment>#.*)?$", re.MULTILINE)
_CHILD = re.compile(r"^(?P<indent> +)[^\s#]", re.MULTILINE)


def add_labeller(files: LabelFiles, labeller: str, public_key: str) -> bool:
    """Write a labeller's public key into the repository; False where it is there already.

    Raises:
        Refusal: The name has another key there, or the file is not written plainly.
    """
    with files.workspace.locked():
        known = files.keys()
        if known.get(labeller) == public_key:
            return False
        if labeller in known:
            raise Refusal(
                f"evals/labellers.yaml has another key of {labeller!r}, and what that signed "
                "would be nobody's any more.",
                next_step="Label under another name, or use the machine that has the key.",
            )
        path = files.workspace.evals / "labellers.yaml"
        text = files.workspace.text(path) if path.is_file() else ""
        added = _added(text, f"{labeller}: {public_key}")
        if added is None or (text and not _holds(added, {**known, labeller: public_key})):
            raise Refusal(
                "evals/labellers.yaml is written in a way that a line cannot be added to.",
                next_step=f"Add it by hand under `labellers`:  {labeller}: {public_key}",
            )
        files.workspace.replace(path, added)
        return True


def _added(text: str, line: str) -> str | None:
    """``text`` with one more labeller, or None where its place cannot be told."""
    if not text.strip():
        return f"{text}{_HEAD}  {line}\n"
    found = _KEY.search(text)
    if found is None:
        return None
    child = _CHILD.search(text, found.end())
    indent = child["indent"] if child else "  "
    comment = f" {found['comment']}" if found["comment"] else ""
    return f"{text[: found.start()]}labellers:{comment}\n{indent}{line}{text[found.end() :]}"


def _holds(text: str, labellers: dict[str, str]) -> bool:
    # Imported with the file: a server that lists its tools reads none.
    from regrade_tools.files.documents import DocumentError, load  # noqa: PLC0415

    try:
        return load(text) == {"labellers": dict(labellers)}
    except DocumentError:
        return False
