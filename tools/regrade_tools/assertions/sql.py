"""The assertion about SQL, read by a parser and never run."""

# sqlglot does not say what it exports; this room alone speaks to it.
# pyright: reportPrivateImportUsage=false

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from regrade_tools.assertions.placed import Placed
from regrade_tools.assertions.verdicts import Subject, UnmeasuredError
from regrade_tools.models.case import Spec

if TYPE_CHECKING:
    from sqlglot import exp

_LONGEST = 20_000


class IsSql(Placed):
    """The output is SQL of the `dialect`; `read_only`: only queries; `tables`: of these alone."""

    kind = "is-sql"
    example: ClassVar[Spec] = {"type": "is-sql", "read_only": True, "tables": ["listings"]}
    dialect: str = Field(default="", description="Such as postgres; SQL in general by default.")
    read_only: bool = Field(default=False, description="Whether it may only query.")
    tables: list[str] | None = Field(
        default=None, min_length=1, description="The only tables that it may name."
    )

    @field_validator("dialect")
    @classmethod
    def _known(cls, value: str) -> str:
        # A large library, imported when the first SQL is asked for.
        from sqlglot.dialects import Dialects  # noqa: PLC0415

        known = sorted(dialect.value for dialect in Dialects)
        if value not in known:
            raise ValueError(f"no dialect; valid: {', '.join(filter(None, known))}")
        return value

    @property
    def claim(self) -> str:
        """As the base class says."""
        only = " that only reads" if self.read_only else ""
        return f"be SQL{only}{f' from {self.tables!r} alone' if self.tables else ''}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        if len(subject.text) > _LONGEST:
            raise UnmeasuredError(f"the output is over {_LONGEST:,} characters of SQL")
        import sqlglot  # noqa: PLC0415 - as above
        from sqlglot import exp  # noqa: PLC0415
        from sqlglot.errors import SqlglotError  # noqa: PLC0415

        try:
            statements = sqlglot.parse(subject.text, read=self.dialect or None)
        except SqlglotError as problem:
            return f"it is not: {problem}"
        found = [statement for statement in statements if statement is not None]
        # What the parser knows only by its first word is taken for a command.
        if not found or any(isinstance(statement, exp.Command) for statement in found):
            return "it is not a statement that the parser knows"
        # The parser takes two words of prose for a column and its other name.
        if any(isinstance(one, exp.Condition | exp.Alias | exp.Star) for one in found):
            return "it is an expression and no statement"
        if self.read_only:
            writes = (exp.DML, exp.DDL, exp.Into, exp.Lock, exp.Command)
            for statement in found:
                if not isinstance(statement, exp.Query) or any(
                    not isinstance(part, exp.Query) for part in statement.find_all(*writes)
                ):
                    return f"it has a {statement.key} that does more than read"
        return self._foreign(found)

    def _foreign(self, statements: Sequence["exp.Expr"]) -> str | None:

        if self.tables is None:
            return None
        allowed = {name.casefold() for name in self.tables}
        for statement in statements:
            for name in _tables(statement):
                if name.casefold() not in allowed:
                    return f"it names the table {name!r}"
        return None


def _tables(statement: "exp.Expr") -> set[str]:
    """The tables outside the statement; what it names itself in a WITH is none, where that counts.

    A name is only its own after the WITH that gives it: inside, it is still the table.
    """
    from sqlglot import exp  # noqa: PLC0415 - as above
    from sqlglot.optimizer.scope import traverse_scope  # noqa: PLC0415

    if not isinstance(statement, exp.Query):
        found = list(statement.find_all(exp.Table))
    else:
        found = [
            source
            for scope in traverse_scope(statement)
            for source in scope.sources.values()
            if isinstance(source, exp.Table)
        ]
    return {".".join(part.name for part in table.parts) for table in found}
