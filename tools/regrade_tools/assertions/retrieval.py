"""Assertions about a ranking: the ids that were found, best first, against the relevant ones."""

import math
from typing import ClassVar

from pydantic import Field

from regrade_tools.assertions.verdicts import Assertion, Subject, UndecidableError
from regrade_tools.models.case import Spec
from regrade_tools.texts.selector import MissingError, Place, selector


class _Ranking(Assertion):
    reference_free = False
    at: Place = Field(
        default_factory=lambda: selector(""),
        description="The place of the list, such as documents[*].id; the whole output by default.",
    )
    relevant: list[str | int] = Field(min_length=1, description="The ids that should be found.")
    k: int = Field(default=10, ge=1, description="How many of the first ids count.")
    threshold: float = Field(default=1.0, gt=0, le=1, description="The least score that passes.")

    @property
    def claim(self) -> str:
        """As the base class says."""
        return f"reach {self.threshold:g} of {self.kind} in the first {self.k}"

    def flaw(self, subject: Subject) -> str | None:
        """As the base class says."""
        score = self._score(self._hits(subject), len(set(self.relevant)))
        return None if score >= self.threshold else f"it has {score:.3f}"

    def _hits(self, subject: Subject) -> list[bool]:
        """Of each of the first k places, whether a relevant id stands there for the first time."""
        try:
            found = self.at.find(subject.data)
        except MissingError as missing:
            raise UndecidableError(str(missing)) from None
        if not isinstance(found, list):
            raise UndecidableError("there is no list of ids")
        wanted, hits = set(self.relevant), list[bool]()
        for item in found[: self.k]:
            hit = isinstance(item, str | int) and not isinstance(item, bool) and item in wanted
            hits.append(hit)
            if hit:
                wanted.discard(item)
        return hits

    def _score(self, hits: list[bool], relevant: int) -> float:
        raise NotImplementedError


class RecallAtK(_Ranking):
    """Of the `relevant` ids, this share stands in the first `k` of the list at `at`."""

    kind = "recall-at-k"
    example: ClassVar[Spec] = {
        "type": "recall-at-k", "at": "documents[*].id", "relevant": ["a", "b"], "k": 5,
    }  # fmt: skip

    def _score(self, hits: list[bool], relevant: int) -> float:
        return sum(hits) / relevant


class PrecisionAtK(_Ranking):
    """Of the first `k` ids of the list at `at`, this share is `relevant`; k counts whole."""

    kind = "precision-at-k"
    example: ClassVar[Spec] = {
        "type": "precision-at-k", "at": "documents[*].id", "relevant": ["a", "b"], "k": 2,
    }  # fmt: skip

    def _score(self, hits: list[bool], relevant: int) -> float:  # noqa: ARG002 - as the others
        return sum(hits) / self.k


class Mrr(_Ranking):
    """One over the rank of the first `relevant` id in the list at `at`; 0 after `k`."""

    kind = "mrr"
    example: ClassVar[Spec] = {
        "type": "mrr", "at": "documents[*].id", "relevant": ["a"], "threshold": 0.5,
    }  # fmt: skip

    def _score(self, hits: list[bool], relevant: int) -> float:  # noqa: ARG002 - as the others
        return 1 / (hits.index(True) + 1) if any(hits) else 0.0


class Ndcg(_Ranking):
    """The `relevant` ids stand early in the list at `at`: NDCG of the first `k`."""

    kind = "ndcg"
    example: ClassVar[Spec] = {
        "type": "ndcg", "at": "documents[*].id", "relevant": ["a", "b"], "threshold": 0.9,
    }  # fmt: skip

    def _score(self, hits: list[bool], relevant: int) -> float:
        gained = sum(hit / math.log2(place + 2) for place, hit in enumerate(hits))
        best = sum(1 / math.log2(place + 2) for place in range(min(relevant, self.k)))
        return gained / best
