"""JSON as a field of a model."""

from typing import Annotated

from pydantic import GetPydanticSchema, JsonValue
from pydantic_core import core_schema

# What was read from a file, the store or a call is JSON by the reader: to look at every value
# in it once more takes longer than all else that is looked at.
Json = Annotated[JsonValue, GetPydanticSchema(lambda _source, _handler: core_schema.any_schema())]
