"""What every file of ``evals/`` has in common."""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A file of ``evals/``, or a part of one: nothing unknown stands in it, and it is frozen."""

    # Validators are built when the first file is read: a server that lists its tools reads none.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
