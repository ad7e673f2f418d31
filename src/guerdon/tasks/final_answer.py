r"""Where a solution says its final answer: a box, a mark, a sentence, or what it ends with. Imports no torch.

Idea
    In this order: ``\boxed{...}``; ``#### ...``; "the final answer is ...", "Answer: ..." or "A: ..."; else the last
    formula or number. Of several in one place, the last one counts. Every search takes time linear in the text.
Reads
    A response, or a reference solution.
Deviations
    A box that is never closed is no box. ``\boxed 5`` and ``\fbox{5}`` are boxes.
"""

import re
from collections import deque

from guerdon.tasks.answer import tagged

_BOX = re.compile(r"\\(?:boxed|fbox)")
_BRACES = re.compile(r"(?P<box>\\(?:boxed|fbox)\s*\{)|\\boxed\s+(?P<bare>[^\s{}$\\]+)|\\(?!\\boxed|\\fbox).|[{}]", re.S)
_HASHES = re.compile(r"####[ \t]*([^\n]+)")
_SAID = re.compile(r"\banswer(?:[ \t]|\*\*){0,9}(?:is|was|equals|:|=)|^[ \t*]*A[ \t]*:", re.IGNORECASE | re.MULTILINE)
_REACH = 2000
"""Characters after "the answer is" that are read."""
_FORMULA = re.compile(
    r"\$\$([^$]+)\$\$|(?<![\\$])\$((?:\\.|[^$\\\n])+)\$|\\\(([^\n]{1,500}?)\\\)|\\\[(.{1,1000}?)\\\]", re.DOTALL
)
_NUMBER = re.compile(
    r"(?<![\w.])[-+]?\$?(?:\d+\s+\d+\s?/\s?\d+|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:\.\d+|(?<=\d))(?:[eE][-+]?\d+)?"
    r"(?:\s?/\s?\d+)?)(?:\s?\\?%)?"
)
_TALK = re.compile(r"(?<=\d)\s+(?!(?:million|billion|thousand|hundred|dozen|percent|and|or|pi|sqrt)\b)[A-Za-z]{2,}")
"""Prose after a number, which is a unit or a reason but no part of the number."""
_END = re.compile(r"(?<!\d)[.;!?](?=\s|$)|[.;!?](?=\s*$|\s+[A-Z])|\n")


def boxed(text: str) -> list[str]:
    r"""What the boxes hold, in order; of a box inside a box, the inner one."""
    first = _BOX.search(text)
    if first is None:
        return []
    opened: list[int | None] = []
    spans: list[tuple[int, int]] = []
    for found in _BRACES.finditer(text, first.start()):
        if found["box"]:
            opened.append(found.end())
        elif found["bare"]:
            spans.append(found.span("bare"))
        elif found[0] == "{":
            opened.append(None)
        elif (
            found[0] == "}" and opened and (start := opened.pop()) is not None and not (spans and spans[-1][0] > start)
        ):
            spans.append((start, found.start()))
    return [text[start:end].strip() for start, end in spans]


def final_answer(response: str, tag: str | None = None, announced: bool = False) -> str | None:
    """The final answer of a response; None where it says none.

    With a ``tag``, only the last ``<tag>...</tag>`` is read, and all of it is the answer unless it has a mark itself.
    ``announced`` leaves out the last resort, a formula or number that the response just ends with.
    """
    text = tagged(response, tag)
    if text is None:
        return None
    if (found := marked(text)) is not None:
        return found
    if tag is not None:
        return text or None
    return None if announced else last_expression(text)


def marked(text: str) -> str | None:
    """The answer that a box, ``####`` or a sentence points out; None without one."""
    if "box" in text and (boxes := boxed(text)):
        return boxes[-1]
    if "####" in text and (hashes := _HASHES.findall(text)):
        return hashes[-1].strip()
    said = next(iter(deque(_SAID.finditer(text), maxlen=1)), None)
    return None if said is None else _phrase(text[said.end() : said.end() + _REACH].lstrip(" \t:*=\n"))


def _phrase(rest: str) -> str | None:
    """The answer at the head of what follows "the answer is"."""
    if (formula := _FORMULA.search(rest)) and len(rest[: formula.start()].split()) <= 3:
        return _inside(formula)
    end = _END.search(rest)
    phrase = rest[: end.start()] if end else rest
    phrase = phrase.strip(" \t*")
    number = _NUMBER.match(phrase) if _TALK.search(phrase) else None
    if number is None and len(phrase.split()) > 4:
        number = _NUMBER.search(phrase)
    if number is not None:
        return number[0].strip()
    return phrase or None


def last_expression(text: str) -> str | None:
    """The last formula or number of a text; None without either."""
    last = next(iter(deque(_FORMULA.finditer(text), maxlen=1)), None)
    start = last.end() if last else 0
    numbers = [found[0].strip() for found in _NUMBER.finditer(text, start)]
    if numbers:
        return numbers[-1]
    return _inside(last) if last else None


def _inside(formula: re.Match[str]) -> str:
    return next(part for part in formula.groups() if part is not None).strip()
