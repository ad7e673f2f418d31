"""What a response gives as its answer: what votes are counted by and answers are told apart by.

Idea
    ``text`` is all of the response (or of its tag), ``number`` the last number of that, ``final`` the final answer of a
    solution: a box, ``####``, "the answer is ...", or what it ends with, written in one way. ``auto`` takes what the
    rule that judges the responses looks at.
Deviations
    Answers are the same if they are written the same after that; 1/2 and 0.5 are one ``number`` but two ``final``.
"""

from collections.abc import Callable, Hashable
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.tasks.answer import last_number, tagged
from guerdon.tasks.final_answer import final_answer

Reader = Callable[[str], Hashable]
KINDS = ("auto", "text", "number", "final")


def reader(kind: str, tag: str | None, rule: Any = None) -> tuple[str, Reader]:
    """In words how answers are read, and what reads them; ``rule``: the task, scorer or reward that judges.

    Raises:
        GuerdonError: if there is no such kind.
    """
    if kind not in KINDS:
        raise GuerdonError(f"answers must be read as one of {', '.join(KINDS)}, got {kind!r}")
    if kind == "auto":
        kind, found = kind_of(rule)
        tag = found if tag is None else tag
    words = {"text": "the whole text", "number": "the last number", "final": "the final answer"}[kind]
    if tag is not None:
        words += f" in <{tag}>"
    return words, {"text": _text, "number": _number, "final": _final}[kind](tag)


def kind_of(rule: Any) -> tuple[str, str | None]:
    """How the rule itself reads answers: kind and tag; all of the text for a task, ``final`` where nothing says."""
    from guerdon.base import TaskSpec
    from guerdon.rewards.scored import Scored
    from guerdon.scorers.exact import Exact
    from guerdon.scorers.number import Number
    from guerdon.tasks.jsonl import JsonlProblems
    from guerdon.tasks.reasoning_gym import ReasoningGym

    if isinstance(rule, (Scored, JsonlProblems)):
        return kind_of(rule.scorer)
    if isinstance(rule, ReasoningGym):
        return "text", rule.answer_tag
    kind = "number" if isinstance(rule, Number) else "text" if isinstance(rule, (Exact, TaskSpec)) else "final"
    tag = getattr(rule, "tag", None)
    return kind, tag if isinstance(tag, str) else None


def _text(tag: str | None) -> Reader:
    return lambda response: tagged(response, tag) or None


def _number(tag: str | None) -> Reader:
    def read(response: str) -> Hashable:
        text = tagged(response, tag)
        return None if text is None else last_number(text)

    return read


def _final(tag: str | None) -> Reader:
    from guerdon.scorers._notation import compact, latex

    def read(response: str) -> Hashable:
        answer = final_answer(response, tag)
        return None if answer is None else compact(latex(answer)) or None

    return read
