"""Instructions that a rule can check: length, format, words, language, as in IFEval.

Idea
    A prompt carries instructions such as "at least 300 words" or "no commas"; a rule says of each whether the
    response follows it.
Maths
    ``instructions_all = 1[all followed]``; ``instructions_share`` = followed / given.
    Loose: an instruction is followed if one of eight texts follows it, the response without its first and / or last
    line, with and without its asterisks.
Reads
    ``problem.meta["instruction_id_list"]`` and ``meta["kwargs"]`` (arguments of each, in the same order).
Deviations
    IFEval (arXiv 2311.07911; code of google-research). Sentences are split by rules (see ``_words.py``), not by the
    trained Punkt model, and capital words are told without the Treebank tokenizer: on 1,000 released responses the
    verdicts are the same in 99.5% of cases. Keywords are texts, not regular expressions. A text whose language cannot
    be told follows no instruction about it (there it follows every one: ``...`` would do), and langdetect is seeded.
    An empty response follows nothing. As there, a response with all the options of ``constrained_response`` follows it,
    and the number of a list item is a sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers._instruction_kinds import rule
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Instructions(Scorer):
    """``instructions_all`` (0 or 1) and ``instructions_share``, over the instructions of a problem."""

    loose: bool = False
    """A first or last line too many and asterisks do not count against the response."""

    components = ("instructions_all", "instructions_share")

    def check(self, problem: Problem) -> None:
        """Refuse a problem without instructions, of unknown kinds, or with arguments that do not fit."""
        for _, kind, given in _given(problem):
            rule(kind, given)

    def __call__(self, problem: Problem, response: str) -> Mapping[str, float]:
        """Both components."""
        followed = self.followed(problem, response)
        share = sum(followed.values()) / len(followed)
        return {"instructions_all": float(all(followed.values())), "instructions_share": share}

    def followed(self, problem: Problem, response: str) -> dict[str, bool]:
        """Instruction -> whether it is followed; a kind that is given twice is numbered."""
        texts = [text for text in (relaxed(response) if self.loose else [response]) if text.strip()]
        return {name: any(map(rule(kind, given), texts)) for name, kind, given in _given(problem)}


def relaxed(response: str) -> list[str]:
    """The response without its first line, its last line or both, and all of these without asterisks."""
    lines = response.split("\n")
    texts = [response, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*texts, *(text.replace("*", "") for text in texts)]


def _given(problem: Problem) -> list[tuple[str, str, Mapping]]:
    """Name, kind and arguments of each instruction of a problem."""
    kinds, arguments = problem.meta.get("instruction_id_list"), problem.meta.get("kwargs")
    if not kinds or not isinstance(arguments, (list, tuple)) or len(kinds) != len(arguments):
        raise GuerdonError(
            f"problem {problem.id} needs meta['instruction_id_list'] and meta['kwargs'] of one length, got "
            f"{kinds!r} and {arguments!r}"
        )
    names = [f"{kind}#{place}" if kinds.count(kind) > 1 else kind for place, kind in enumerate(kinds)]
    return list(zip(names, kinds, arguments, strict=True))
