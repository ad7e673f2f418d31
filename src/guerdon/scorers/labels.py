"""Classification: the response names the right class, or the right set of classes.

Idea
    ``Label`` reads a label out of the response; ``WholeLabel`` wants the response to be the label and nothing else,
    which leaves no room for thinking; ``LabelSet`` gives partial credit on sets of labels.
Maths
    ``Label``: ``r = 1[lower(answer) = lower(label)]``. ``WholeLabel``: ``r = 1[response = label]``, letter by letter.
    ``LabelSet``: ``r = |P & G| / |P | G|`` for the predicted labels P and the true ones G, 0 for an empty P.
Reads
    ``problem.answer``.
Deviations
    CLS-RL tries a mathematical verifier before it compares labels; here that is ``Math``, a scorer of its own.
    Its first ``<answer>`` counts, as in its code. Texts are compared in Unicode's normal form NFC.
"""

import re
import unicodedata
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import reference
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Label(Scorer):
    """1 if the label inside the tag, or the whole response without one, is the right one whatever its case, else 0."""

    tag: str = "answer"
    """The first ``<tag>...</tag>`` holds the label."""
    require_tag: bool = False
    """A response without the tag is wrong, rather than a label as a whole."""

    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a label, or with one that holds the tag."""
        if f"<{self.tag}>" in _label(problem):
            raise GuerdonError(f"problem {problem.id} needs a label without <{self.tag}>, got {problem.answer!r}")

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        answer = _first(response, self.tag, self.require_tag)
        return float(answer is not None and _normal(answer).casefold() == _normal(_label(problem)).casefold())


@dataclass(frozen=True)
class WholeLabel(Scorer):
    """1 if the entire response is the label, to the letter and to the space, else 0."""

    underscores: bool = False
    """A space may stand for each ``_`` of the label."""

    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a label."""
        _label(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        label, said = unicodedata.normalize("NFC", _label(problem)), unicodedata.normalize("NFC", response)
        return float(said == label or (self.underscores and said == label.replace("_", " ")))


@dataclass(frozen=True)
class LabelSet(Scorer):
    """``|P & G| / |P | G|`` over sets of labels, whatever their order and case."""

    separator: str = ","
    """What stands between labels, in the response and in the reference."""
    tag: str = "answer"
    """The first ``<tag>...</tag>`` holds the labels; without one, the whole response does."""
    require_tag: bool = False
    """A response without the tag is wrong, rather than labels as a whole."""

    trusted = True

    def __post_init__(self) -> None:
        if not self.separator:
            raise GuerdonError("LabelSet.separator must be a text that stands between labels, got an empty one")

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a label."""
        if not self._set(_label(problem)):
            raise GuerdonError(f"problem {problem.id} needs at least one label, got {problem.answer!r}")

    def _set(self, text: str) -> frozenset[str]:
        labels = (_normal(part).casefold() for part in text.split(self.separator))
        return frozenset(label for label in labels if label)

    def __call__(self, problem: Problem, response: str) -> float:
        """Between 0 and 1."""
        wanted, answer = self._set(_label(problem)), _first(response, self.tag, self.require_tag)
        got = self._set(answer) if answer is not None else frozenset()
        return len(wanted & got) / len(wanted | got) if got else 0.0


def _label(problem: Problem) -> str:
    if not (label := reference(problem)).strip():
        raise GuerdonError(f"problem {problem.id} needs a label, got an empty answer")
    return label


def _first(response: str, tag: str, required: bool) -> str | None:
    """What the first tag holds; the whole response, or None where it is required, without one."""
    _, opening, rest = response.partition(f"<{tag}>")
    inside, closing, _ = rest.partition(f"</{tag}>")
    return inside if opening and closing else None if required else response


def _normal(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()
