"""A judgement: what a judge says of one item. Unknown is an answer; errored is none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from regrade_tools.models.trace import ToolCall

Judgement = Literal["pass", "fail", "unknown", "errored"]


@dataclass(frozen=True, slots=True)
class Item:
    """What is judged: an answer with what it answers.

    ``key`` is a fingerprint of all that is shown of it, the same on every machine. ``group``
    is the session. ``place`` says where it comes from: a trace, or a run with its case. ``context``
    is what tools returned and what was retrieved, where a judge of the criterion is shown it.
    ``failure`` says that the trace ended in an error, to a person; it is no part of what is judged.
    """

    key: str
    input: JsonValue
    output: JsonValue
    tool_calls: tuple[ToolCall, ...] = ()
    trace_id: str = ""
    group: str = ""
    place: str = ""
    context: tuple[JsonValue, ...] = ()
    failure: str = field(default="", compare=False)

    @property
    def calls(self) -> list[JsonValue]:
        """The tool calls as a judge is shown them."""
        return shown_calls(self.tool_calls)


def shown_calls(calls: Iterable[ToolCall]) -> list[JsonValue]:
    """Tool calls without their ids, which no two machines give alike."""
    return [{"name": call.name, "arguments": call.arguments} for call in calls]


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a verdict of a judge rests on: the judge as it was, and the key of what it was shown.

    ``recorded`` where the verdict was not given now but is a recording of the repository.
    """

    judge: str
    fingerprint: str
    item: str
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgement. ``fingerprint`` is that of the judge as it was, so nothing stale passes.

    ``problem`` says why it is unknown or errored. ``cost_usd`` is None where nobody knows it;
    a judgement that was made before and kept costs nothing and is ``replayed``.
    """

    item: str
    judge: str
    fingerprint: str
    verdict: Judgement
    reasoning: str = ""
    problem: str = ""
    cost_usd: float | None = None
    judged_at: float = 0
    replayed: bool = field(default=False, compare=False)

    @property
    def heard(self) -> bool:
        """Whether there was an answer that could be read: a verdict, or why there is none."""
        return self.verdict != "errored" and (self.verdict != "unknown" or bool(self.reasoning))


# The fingerprint of a judge, and the key of what it was shown.
Heard = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What judges said before, as the repository has it; ``only`` where no model may be asked."""

    known: Mapping[Heard, Judged] = field(default_factory=dict[Heard, Judged])
    only: bool = False
