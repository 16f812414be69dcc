"""The files of a configuration: read from its own folder or the workspace, as data alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from regrade_tools.formats import Record, Skipped, records
from regrade_tools.suites.importing.conversion import UnsupportedError
from regrade_tools.suites.importing.javascript import trimmed
from regrade_tools.texts.jsontext import compact

_LARGEST = 16 * 1024 * 1024
_CODE = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts", ".py", ".rb")
_YAML = (".yaml", ".yml", ".json")
_REMOTE = "://"
_FILE = "file://"
_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Source:
    """A folder with what a configuration refers to; ``roots`` are the folders it may read in."""

    folder: Path
    roots: tuple[Path, ...]

    def paths(self, reference: str) -> list[Path]:
        """The files that ``reference`` means: one, or those that a glob matches.

        Raises:
            UnsupportedError: It is no file, lies elsewhere, is code, or is not there.
        """
        name = reference.removeprefix(_FILE)
        if _REMOTE in name:
            raise UnsupportedError("it is fetched from elsewhere; save it as a file")
        if Path(name.partition(".py:")[0]).suffix in _CODE or ".py:" in name or ".js:" in name:
            raise UnsupportedError("it is code, which an import does not run")
        try:
            found = self._matches(name) if _GLOB & set(name) else [self.folder / name]
            inside = [path for path in found if self._readable(path)]
        except (OSError, ValueError, NotImplementedError) as problem:
            raise UnsupportedError(f"it cannot be looked for: {problem}") from None
        if not inside:
            raise UnsupportedError(f"there is no file {name[:120]!r} beside the configuration")
        return inside

    def _matches(self, pattern: str) -> list[Path]:
        """The files that ``pattern`` matches; elsewhere nothing is looked through."""
        parts = Path(pattern).parts
        fixed = next(place for place, part in enumerate(parts) if _GLOB & set(part))
        start = self.folder.joinpath(*parts[:fixed])
        if ".." in parts[fixed:] or not self._is_inside(start.resolve()):
            return []
        return sorted(start.glob(str(Path(*parts[fixed:]))))

    def _is_inside(self, real: Path) -> bool:
        return any(real.is_relative_to(root.resolve()) for root in self.roots)

    def _readable(self, path: Path) -> bool:
        real = path.resolve()
        return self._is_inside(real) and real.is_file() and real.stat().st_size <= _LARGEST

    def text(self, reference: str) -> str:
        """The text of a file."""
        try:
            return self.paths(reference)[0].read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as problem:
            raise UnsupportedError(f"it cannot be read: {problem}") from None

    def value(self, reference: str) -> JsonValue:
        """What a file of YAML or JSON holds, or the trimmed text of any other."""
        text = self.text(reference)
        return document(text) if reference.lower().endswith(_YAML) else trimmed(text)

    def variable(self, reference: str) -> str:
        """The text that a variable is given: data is written in one line, a text is trimmed."""
        text = self.text(reference)
        if reference.lower().endswith((".yaml", ".yml")):
            return compact(document(text))
        return trimmed(text)

    def rows(self, path: Path) -> Iterator[tuple[str, JsonValue]]:
        """The rows of a table or of JSON lines, or the items of a list, each with its place."""
        if path.suffix.lower() in _YAML:
            held = document(self.text(str(path)))
            for number, item in enumerate(held if isinstance(held, list) else [held], 1):
                yield f"{path.name}#{number}", item
            return
        for record in records(path, path.name):
            if isinstance(record, Skipped):
                raise UnsupportedError(f"{record.where} {record.why}")
            if isinstance(record, Record):
                yield _placed(record)


def _placed(record: Record) -> tuple[str, JsonValue]:
    return record.where, record.value


def document(text: str) -> JsonValue:
    """A document of YAML 1.2 with its merge keys merged.

    Raises:
        UnsupportedError: It is none.
    """
    # Imported with the first file, as everywhere: `regrade serve` reads none.
    from regrade_tools.files.documents import DocumentError, load  # noqa: PLC0415

    try:
        return _merged(load(text))
    except DocumentError as problem:
        raise UnsupportedError(f"it {problem}") from None


def _merged(value: JsonValue) -> JsonValue:
    """``<<`` is no part of YAML 1.2, and most readers of configurations know it all the same."""
    if isinstance(value, list):
        return [_merged(item) for item in value]
    if not isinstance(value, dict):
        return value
    own = {key: _merged(item) for key, item in value.items() if key != "<<"}
    given = value.get("<<")
    for more in given if isinstance(given, list) else [given]:
        merged = _merged(more)
        if isinstance(merged, dict):
            own = {**merged, **own}
    return own
