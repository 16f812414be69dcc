"""Code that a model wrote, run beside a run in a process that can reach nothing.

Here stands what a file may say of it, and what of an answer is run.
"""

import ast
from typing import ClassVar

from pydantic import Field, JsonValue, field_validator

from regrade_tools.assertions.code import code_blocks
from regrade_tools.assertions.scorers import Scorer
from regrade_tools.assertions.verdicts import Subject, UndecidableError
from regrade_tools.models.case import Spec
from regrade_tools.texts.selector import MissingError, Place, selector

_LANGUAGES = {"", "py", "python", "python3"}
_LONGEST, _LONGEST_CODE = 2_000, 1_000_000
# What looks at values, and binds no name but those of its own loops.
_LOOKS = (
    ast.Expression, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Dict, ast.Set, ast.ListComp,
    ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension, ast.Compare, ast.Call,
    ast.keyword, ast.Constant, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred, ast.Name,
    ast.List, ast.Tuple, ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop,
)  # fmt: skip


class Executes(Scorer):
    """The Python of the output runs to its end, and `value` holds of what it has defined.

    Its code blocks are run, or all of it; `stdout` is what it printed.
    """

    kind = "executes"
    example: ClassVar[Spec] = {
        "type": "executes",
        "value": "callable(total) and total([1, 2]) == 3",
    }
    value: str | None = Field(
        default=None,
        min_length=1,
        max_length=_LONGEST,
        description="A Python expression over what the code has defined, and over `stdout`; "
        "without one it is enough that the code runs to its end.",
    )
    at: Place = Field(
        default_factory=lambda: selector(""), description="Where the code stands in a JSON output."
    )
    timeout_s: float = Field(
        default=10, gt=0, le=600, description="Seconds that the code may take; 10 by default."
    )
    memory_mb: int = Field(
        default=1_024,
        ge=64,
        description="Megabytes of addresses that it may have; 1024 by default.",
    )
    interpreter: str | None = Field(
        default=None, description="The Python that runs it; the project's own by default."
    )
    confined: bool = Field(
        default=True,
        description="`false` runs it where nothing keeps it from your files and your network.",
    )

    @field_validator("value")
    @classmethod
    def _looks(cls, value: str | None) -> str | None:
        if value is not None:
            _parsed(value)
        return value

    @property
    def name(self) -> str:
        """As the base class says."""
        return self.kind

    @property
    def claim(self) -> str:
        """As the base class says."""
        return "run" if self.value is None else f"run and satisfy `{self.value}`"

    def code(self, output: JsonValue) -> str:
        """What of an output is run: its Python code blocks, one after the other, or all of it.

        Raises:
            UndecidableError: There is none.
        """
        subject = Subject(output)
        try:
            found = self.at.find(subject.data) if self.at.steps else subject.text
        except MissingError as missing:
            raise UndecidableError(str(missing)) from None
        if not isinstance(found, str) or not found.strip():
            raise UndecidableError("there is no code")
        if len(found) > _LONGEST_CODE:
            raise UndecidableError(f"it is over {_LONGEST_CODE:,} characters")
        blocks = list(code_blocks(found))
        python = [code for language, code in blocks if language.casefold() in _LANGUAGES - {""}]
        unnamed = [code for language, code in blocks if not language]
        if blocks and not python and not unnamed:
            raise UndecidableError(f"its code blocks are of {blocks[0][0]}")
        return "\n".join(python or unnamed) if blocks else found


def _parsed(value: str) -> None:
    """Make sure that ``value`` is an expression that looks and does nothing else.

    Raises:
        ValueError: It is not.
    """
    try:
        tree = ast.parse(value.strip(), mode="eval")
    except (SyntaxError, RecursionError, MemoryError) as problem:
        told = problem.msg if isinstance(problem, SyntaxError) else "it is nested too deep"
        raise ValueError(f"it is no Python expression: {told}") from None
    for node in ast.walk(tree):
        if not isinstance(node, _LOOKS):
            raise ValueError(f"it may not hold a {type(node).__name__}")  # noqa: TRY004 - pydantic reads ValueError
        name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
        if name.startswith("__"):
            raise ValueError(f"it may not name {name}")
