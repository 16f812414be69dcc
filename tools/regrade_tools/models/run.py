"""A run: one measurement of a target by a suite. Passed, failed and errored are three outcomes."""

from dataclasses import dataclass, field
from typing import Literal

from regrade_tools.models.json import Json
from regrade_tools.models.judgement import Grounds
from regrade_tools.models.trace import ToolCall

Outcome = Literal["passed", "failed", "errored"]
RunState = Literal["running", "done", "cancelled", "interrupted", "broken"]
# live: every answer is asked for. replay: none is. changed: those that no recording holds.
Mode = Literal["live", "replay", "changed"]

# How the error of a result begins whose row in the store is damaged.
UNREADABLE = "unreadable in the store"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one assertion said of one answer; ``check`` is the assertion as it was written."""

    check: dict[str, Json]
    outcome: Outcome
    reason: str = ""
    rests_on: Grounds | None = None


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One trial of one case. ``error`` says why there was nothing to check."""

    case_id: str
    trial: int
    outcome: Outcome
    checks: tuple[CheckResult, ...] = ()
    output: Json = None
    tool_calls: tuple[ToolCall, ...] = ()
    error: str = ""
    latency_ms: float | None = None
    cost_usd: float | None = None
    tokens: int | None = None
    ttft_ms: float | None = None
    steps: int | None = None
    errors: tuple[str, ...] | None = None
    # What tools returned and what was retrieved for the answer.
    context: tuple[Json, ...] = ()
    # Whether the answer is a recording of an earlier one.
    replayed: bool = False
    # How many of the verdicts that judges gave of it are.
    verdicts_replayed: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """How one trial of one case ended, without what was said: all that figures are made of."""

    case_id: str
    trial: int
    outcome: Outcome
    # These are as of a ``CaseResult``.
    replayed: bool = False
    latency_ms: float | None = None
    cost_usd: float | None = None
    tokens: int | None = None
    verdicts_replayed: int = 0


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A case as a run saw it: enough to compare two runs although the files have changed."""

    id: str
    feature: str = ""
    scenario: str = ""
    tags: tuple[str, ...] = ()
    input: str = ""  # fingerprint of the input
    checks: tuple[str, ...] = ()  # fingerprints of the assertions
    answer: str = ""  # fingerprint of the filed answer, where a target scores that
    expected: str = ""  # fingerprint of what its scorers may ask for beside the answer

    @property
    def place(self) -> str:
        """Its feature and its scenario, as far as it has them."""
        return " / ".join(filter(None, (self.feature, self.scenario)))


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured: written once, when the run starts. Times are Unix seconds."""

    id: str
    suite: str
    target: str
    name: str
    started_at: float
    trials: int
    cases: tuple[Scheduled, ...]
    owner: str = ""  # host and process, to tell a running one from an interrupted one
    select: str = ""
    commit: str = ""
    program: str = ""  # fingerprint of what the target's name stood for
    budget_usd: float | None = None
    # Whether a case is asked no more once it has both passed and failed.
    adaptive: bool = False
    # Fingerprint of the program with its files: whose answers these are, where they are recorded.
    sources: str = ""
    # Fingerprint of what stands behind each scorer that is asked, by its name.
    scorers: dict[str, str] = field(default_factory=dict[str, str])
    # Whether judges were asked where the suite asks them.
    judges: bool = True
    # Of a run that was kept before this was, it may have been any.
    mode: Mode = "live"


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended. ``problem`` says why a broken or an interrupted one could not go on."""

    state: RunState
    finished_at: float
    problem: str = ""


# How the problem of a run begins that was stopped because its budget is spent.
SPENT = "The budget of"


def told_state(state: str, problem: str | None) -> str:
    """How a run stands, in words: one whose budget is spent is kept as broken, and is not."""
    spent = state == "broken" and (problem or "").startswith(SPENT)
    return "stopped: its budget is spent" if spent else state


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run with its end, if it has come to one, and the outcomes counted so far.

    ``resumed_by`` is the process that measures it on, where the one that began it died.
    """

    run: Run
    end: RunEnd | None = None
    done: int = 0
    counts: dict[Outcome, int] = field(default_factory=dict[Outcome, int])
    resumed_by: str = ""

    @property
    def owner(self) -> str:
        """The process that measures it."""
        return self.resumed_by or self.run.owner

    @property
    def has_ended(self) -> bool:
        """Whether it has come to an end for good: one that was interrupted may still go on."""
        return self.end is not None and self.end.state != "interrupted"
