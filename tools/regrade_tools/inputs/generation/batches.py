"""A batch as it begins: the inputs of the suite and of the traces that it may not repeat."""

from dataclasses import dataclass

from anyio import to_thread

from regrade_tools.files.workspace import Workspace
from regrade_tools.inputs.generation.candidates import Batch
from regrade_tools.inputs.generation.combinations import Combination
from regrade_tools.models import Case, Inputs, Trace
from regrade_tools.ports import Store
from regrade_tools.secrets.redaction import redaction_of
from regrade_tools.traces.features import text_of
from regrade_tools.traces.query import Query

# What traces say is compared up to here, and so many of them, drawn at random.
_READ = 2_000
_TRACES = 5_000


@dataclass(frozen=True, slots=True)
class Begun:
    """A batch with the cases that are there, and what it compares with, in words."""

    batch: Batch
    cases: tuple[Case, ...]
    compared: str

    @property
    def combinations(self) -> list[Combination]:
        """The values of the generated inputs that are there, and of those that were kept."""
        origins = (
            case.provenance.generated
            for case in (*self.cases, *self.batch.kept)
            if case.provenance is not None
        )
        return [origin.values for origin in origins if origin is not None]


async def begin(store: Store, workspace: Workspace, suite: str, inputs: Inputs) -> Begun:
    """A batch for ``suite`` that knows its cases and the traces of the store."""
    batch = Batch(workspace, suite, inputs, redaction_of(workspace))
    cases = await to_thread.run_sync(workspace.cases, suite)
    for case in cases:
        batch.know(case.id, case.input)
    sampled = await store.sample(Query(), _TRACES, _told)
    for name, text in sampled.told:
        batch.know(name, text)
    return Begun(batch, cases, f"{len(cases)} cases and {len(sampled.told)} of {sampled.of} traces")


def _told(trace: Trace) -> tuple[str, str]:
    return trace.id, asked(trace)


def asked(trace: Trace) -> str:
    """What a program was given, or else the user said first, in at most 2,000 characters."""
    users = (m.content for m in trace.messages if m.role == "user" and m.content)
    first = None if trace.program else next(users, None)
    given = trace.called.input if first is None else first
    if isinstance(given, dict) and len(given) == 1:
        given = next(iter(given.values()))
    return text_of(given)[:_READ]
