"""The nouns: plain, frozen data that every other room speaks of."""

from regrade_tools.models.case import Case, Generated, Provenance, Recorded
from regrade_tools.models.dataset import Dataset
from regrade_tools.models.generation import Inputs, Step, Style
from regrade_tools.models.judge import Judge, JudgeSpec, Thresholds
from regrade_tools.models.judgement import Item, Judged, Judgement, shown_calls
from regrade_tools.models.label import Label, LabelSource, Sampled, Split, Verdict, counting_labels
from regrade_tools.models.language_model import (
    Completion,
    ModelError,
    ModelSpec,
    Prompt,
    Question,
    Role,
)
from regrade_tools.models.packet import Packet, PacketKind
from regrade_tools.models.policy import PROFILES, GatePolicy, Profile, SlicePolicy
from regrade_tools.models.run import (
    UNREADABLE,
    CaseResult,
    CheckResult,
    Outcome,
    Run,
    RunEnd,
    RunState,
    Scheduled,
    StoredRun,
)
from regrade_tools.models.suite import Feature, Scenario, Suite
from regrade_tools.models.target import (
    CommandTarget,
    Endpoint,
    HttpTarget,
    Project,
    PromptTarget,
    PythonTarget,
    RecordedTarget,
    TargetSpec,
)
from regrade_tools.models.trace import (
    Exchange,
    Message,
    Span,
    SpanKind,
    Status,
    ToolCall,
    Trace,
    file_of,
)

__all__ = [
    "PROFILES",
    "UNREADABLE",
    "Case",
    "CaseResult",
    "CheckResult",
    "CommandTarget",
    "Completion",
    "Dataset",
    "Endpoint",
    "Exchange",
    "Feature",
    "GatePolicy",
    "Generated",
    "HttpTarget",
    "Inputs",
    "Item",
    "Judge",
    "JudgeSpec",
    "Judged",
    "Judgement",
    "Label",
    "LabelSource",
    "Message",
    "ModelError",
    "ModelSpec",
    "Outcome",
    "Packet",
    "PacketKind",
    "Profile",
    "Project",
    "Prompt",
    "PromptTarget",
    "Provenance",
    "PythonTarget",
    "Question",
    "Recorded",
    "RecordedTarget",
    "Role",
    "Run",
    "RunEnd",
    "RunState",
    "Sampled",
    "Scenario",
    "Scheduled",
    "SlicePolicy",
    "Span",
    "SpanKind",
    "Split",
    "Status",
    "Step",
    "StoredRun",
    "Style",
    "Suite",
    "TargetSpec",
    "Thresholds",
    "ToolCall",
    "Trace",
    "Verdict",
    "counting_labels",
    "file_of",
    "shown_calls",
]
