"""Multiple choice: the options chosen are the right ones.

Idea
    1 if the set of option letters in the answer equals the set of the reference, in any order, else 0. Choosing all
    options is one set among others, so it does not pay.
Maths
    ``r = 1[P = G]``, P and G the capital letters up to the last option that stand next to no other letter. An answer
    that is the text of an option counts as its letter.
Reads
    ``problem.answer``, letters or the text of an option; ``problem.meta`` for the options' texts, where there are any.
Deviations
    Curr-ReFT's code also gives 1 when neither side has a letter and when one text contains the other, even an empty
    one. Here an answer without a letter is wrong.
"""

import re
import unicodedata
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import reference
from guerdon.tasks.answer import tagged
from guerdon.tasks.final_answer import marked
from guerdon.tasks.problem import Problem

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Choice(Scorer):
    """1 if the letters of the chosen options are those of the reference, else 0."""

    options: int = 5
    """Number of options; 5 is A to E. The texts under ``options_key`` go before it."""
    tag: str | None = None
    """Look only at what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""
    options_key: str = "options"
    """Key of ``problem.meta`` for the list of the options' texts."""

    trusted = True

    def __post_init__(self) -> None:
        if not 2 <= self.options <= len(LETTERS):
            raise GuerdonError(f"Choice.options must be between 2 and {len(LETTERS)}, got {self.options}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem whose reference names no option."""
        self._wanted(problem, self._texts(problem))

    def _texts(self, problem: Problem) -> list[str]:
        texts = problem.meta.get(self.options_key, [])
        if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
            raise GuerdonError(
                f"problem {problem.id} needs a list of texts in meta[{self.options_key!r}], got {texts!r}"
            )
        if len(texts) > len(LETTERS):
            raise GuerdonError(f"problem {problem.id} must have at most {len(LETTERS)} options, got {len(texts)}")
        return [_plain(text) for text in texts]

    def _wanted(self, problem: Problem, texts: list[str]) -> frozenset[str]:
        wanted = chosen(reference(problem), texts, len(texts) or self.options)
        if not wanted:
            raise GuerdonError(f"problem {problem.id} needs an answer that names an option, got {problem.answer!r}")
        return wanted

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        texts = self._texts(problem)
        wanted, text = self._wanted(problem, texts), tagged(response, self.tag)
        if not text:
            return 0.0
        answer = marked(text)
        if answer is None:
            answer = text if self.tag is not None else text.splitlines()[-1]
        return float(chosen(answer, texts, len(texts) or self.options) == wanted)


def chosen(answer: str, texts: list[str], count: int) -> frozenset[str]:
    r"""The letters that an answer chooses: ``B``, ``(b)``, ``B. Paris``, ``A, C``, ``AC``, or the text of an option."""
    known = LETTERS[:count]
    answer = re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", answer).strip(" \t\n*$.")
    if (plain := _plain(answer)) in texts:
        return frozenset(known[texts.index(plain)])
    if one := re.fullmatch(r"[(\[]?([a-z])[)\].:]?", answer, re.IGNORECASE):
        return frozenset(one[1].upper()) & frozenset(known)
    if re.fullmatch(rf"[{known}]+", answer):
        return frozenset(answer)
    labelled = re.fullmatch(rf"[(\[]?([{known}])[)\].:]+\s+(.+)", answer, re.DOTALL)
    if labelled and not re.fullmatch(rf"[{known}\W]*", labelled[2]):
        other = _plain(labelled[2])
        at_odds = other in texts and known[texts.index(other)] != labelled[1]
        return frozenset() if at_odds else frozenset(labelled[1])
    return frozenset(re.findall(rf"(?<![^\W\d_])[{known}](?![^\W\d_])", answer))


def _plain(text: str) -> str:
    """A text without what does not tell options apart: case, spaces, a full stop."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).strip(" .")
