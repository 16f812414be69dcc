"""How far a judge can be trusted: pure arithmetic over what people and the judge said."""

from regrade_tools.judges.alignment.agreement import (
    cohen,
    consensus,
    fleiss,
    fleiss_of_all,
    pairwise_kappas,
)
from regrade_tools.judges.alignment.assessment import (
    AlignmentState,
    Assessment,
    Evidence,
    Need,
    assess,
)
from regrade_tools.judges.alignment.confusion import (
    UNKNOWN_POLICIES,
    Confusion,
    Pair,
    UnknownPolicy,
    confusion,
)
from regrade_tools.judges.alignment.correction import (
    Estimate,
    corrected_rate,
    post_stratified,
    rogan_gladen,
)
from regrade_tools.judges.alignment.intervals import Interval, Rate, labels_needed, wilson
from regrade_tools.judges.alignment.splits import Labelled, assign

__all__ = [
    "UNKNOWN_POLICIES",
    "AlignmentState",
    "Assessment",
    "Confusion",
    "Estimate",
    "Evidence",
    "Interval",
    "Labelled",
    "Need",
    "Pair",
    "Rate",
    "UnknownPolicy",
    "assess",
    "assign",
    "cohen",
    "confusion",
    "consensus",
    "corrected_rate",
    "fleiss",
    "fleiss_of_all",
    "labels_needed",
    "pairwise_kappas",
    "post_stratified",
    "rogan_gladen",
    "wilson",
]
