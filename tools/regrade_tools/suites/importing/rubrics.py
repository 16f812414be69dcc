"""What a model is to judge elsewhere -> judges of ours, drafts until people's labels align them."""

import re
from dataclasses import dataclass, field

from pydantic import JsonValue

from regrade_tools.models.case import Spec
from regrade_tools.suites.importing.conversion import JudgeDraft, UnsupportedError
from regrade_tools.texts.names import plain

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_LONGEST = 8_000


@dataclass(frozen=True, slots=True)
class Rubrics:
    """The judges that an import has come upon, by their names."""

    judges: dict[str, JudgeDraft] = field(default_factory=dict[str, JudgeDraft])

    def spec(self, rubric: JsonValue, model: str, *, negated: bool = False) -> Spec:
        """The assertion that asks the judge of ``rubric``, which is drafted.

        Raises:
            UnsupportedError: It is no text, or no run could ask the judge as it stands.
        """
        if not isinstance(rubric, str) or not rubric.strip():
            raise UnsupportedError("its rubric is no text")
        # The judge sees the whole input: one judge, whatever a test's variables are.
        passes = _VARIABLE.sub(r"[\1 of the input]", rubric.strip())
        if "{{" in passes or "{%" in passes or len(passes) > _LONGEST:
            raise UnsupportedError("its rubric is a template that cannot be said in plain words")
        name = plain(passes[:60], [passes, model])
        self.judges[name] = JudgeDraft(name, passes, model)
        kind = "not-judge" if negated else "judge"
        if not model:
            raise UnsupportedError(
                f"evals/judges/{name}.md is a draft of its judge: name a model there, then assert "
                f"{{type: {kind}, judge: {name}}}"
            )
        return {"type": kind, "judge": name}
