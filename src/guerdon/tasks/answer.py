"""Finding the answer inside a response, and judging its shape. Imports no torch.

Idea
    A response is prose around an answer. The answer is what stands in the last ``<tag>...</tag>``, or the last
    number, or all of it. And whether a response has the shape it was asked to have.
"""

import math
import re
from collections.abc import Sequence

_NUMBER = re.compile(
    r"(?<![\w.])(?P<top>[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+)"
    r"(?:\s?/\s?(?P<bottom>\d+(?:\.\d+)?))?"
)


def tagged(response: str, tag: str | None) -> str | None:
    """What the last ``<tag>...</tag>`` holds, stripped; the whole response for no tag; None without a closed pair."""
    if tag is None:
        return response.strip()
    end = response.rfind(f"</{tag}>")
    start = response.rfind(f"<{tag}>", 0, max(end, 0))
    return None if end < 0 or start < 0 else response[start + len(tag) + 2 : end].strip()


def after_thinking(response: str, tag: str = "think", opened: bool = False) -> str | None:
    """What follows ``<tag>...</tag>`` at the beginning, stripped; None if the tags are not one closed pair, or it is empty.

    ``opened``: the prompt ends with the opening tag, so the response starts inside it.
    """
    start, end = f"<{tag}>", f"</{tag}>"
    text = start + response if opened else response.lstrip()
    if text.count(start) != 1 or text.count(end) != 1 or not text.startswith(start):
        return None
    return text.partition(end)[2].strip() or None


def last_number(text: str) -> float | None:
    """The last number of a text; None without one, or if it is not finite."""
    found = numbers(text)
    return found[-1] if found and math.isfinite(found[-1]) else None


def numbers(text: str) -> list[float]:
    """Every number of a text: ``1,234.5``, ``-2e3``, ``3/4`` (thousands separators dropped)."""
    values = []
    for found in _NUMBER.finditer(text.replace("\N{MINUS SIGN}", "-")):
        value, bottom = float(found["top"].replace(",", "")), float(found["bottom"] or 1)
        values.append(value / bottom if bottom else math.nan)
    return values


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text fits a regular expression; ``.`` matches line ends too."""
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def tags_in_order(text: str, tags: Sequence[str]) -> bool:
    """Whether the text is ``<a>...</a> <b>...</b>`` for the tags (a, b): each once, nothing but white space around."""
    at = 0
    for tag in tags:
        start, end = f"<{tag}>", f"</{tag}>"
        if text.count(start) != 1 or text.count(end) != 1:
            return False
        opening, closing = text.index(start), text.index(end)
        if opening < at or text[at:opening].strip() or closing < opening:
            return False
        at = closing + len(end)
    return not text[at:].strip()
