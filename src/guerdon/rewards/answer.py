"""The answer of each response as a column: what responses to a prompt are compared by, beside being right.

Idea
    Whether a model agrees with itself is told by the answers it gives, not by the texts around them.
Maths
    The answer is what stands in the last ``<tag>...</tag>`` (in all of the response without a tag), or the last number of
    that.
Reads
    ``traj.response``.
Deviations
    None. An answer that cannot be read is None: all such responses gave the same, unreadable answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from guerdon.batch import Batch, Column
from guerdon.piece import Transform
from guerdon.tasks.answer import last_number, tagged


@dataclass(frozen=True)
class Answer(Transform):
    """``traj.answer``: what a response says at its end."""

    kind: Literal["number", "text"] = "number"
    """Compare answers as numbers (the last one counts) or as stripped texts."""
    tag: str | None = None
    """Tag around the answer; None: all of the response."""

    reads = ("traj.response",)
    writes = ("traj.answer",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.answer``, a list of numbers or texts, None where there is none."""
        texts = [tagged(response, self.tag) for response in batch["traj.response"]]
        if self.kind == "text":
            return {"traj.answer": [text or None for text in texts]}
        return {"traj.answer": [None if text is None else last_number(text) for text in texts]}
