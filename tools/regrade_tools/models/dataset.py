"""A dataset: rows of a file, or traces of the store, each of which is a case of a suite."""

from typing import Self

from pydantic import Field, JsonValue, model_validator

from regrade_tools.models.case import Spec
from regrade_tools.models.document import Document

_TRACES = 100
_OF_ROWS = ("input", "id", "output", "expected", "tags", "feature", "scenario", "where")


class Dataset(Document):
    """What stands under ``dataset`` in a suite. Fields are named by their heading or key."""

    file: str | None = Field(
        default=None,
        min_length=1,
        description="CSV, JSON lines, JSON, Parquet or Arrow, or a folder that a Hugging Face "
        "dataset was saved to; a path in the workspace.",
    )
    query: str | None = Field(
        default=None, description="Or a query of the trace store: each trace becomes a case."
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="The first so many rows, all by default; of a query the newest 100.",
    )
    input: str | dict[str, str] = Field(
        default="input",
        description="The field that the target is given; or an object of names and fields.",
    )
    id: str | None = Field(
        default=None, description="The field that names the case; by default made from the input."
    )
    output: str | None = Field(
        default=None, description="The field with what the product answered: target `recorded`."
    )
    expected: str | None = Field(
        default=None, description="The field with the right answer: target `corrected`."
    )
    tags: str | None = Field(default=None, description="The field with tags: a list, or a, b.")
    feature: str | None = None
    scenario: str | None = None
    where: dict[str, JsonValue] = Field(
        default_factory=dict[str, JsonValue],
        description="Only rows whose fields have these values; a list means one of them.",
    )
    assertions: tuple[Spec, ...] = Field(
        default=(),
        description="What must hold of each row's answer; `{{field}}` is the row's own.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.file is None) == (self.query is None):
            raise ValueError("give either file or query")
        if self.query is not None and (given := set(_OF_ROWS) & self.model_fields_set):
            raise ValueError(f"a trace brings its own {', '.join(sorted(given))}")
        return self

    @property
    def most_traces(self) -> int:
        """How many traces a query takes."""
        return _TRACES if self.limit is None else self.limit
