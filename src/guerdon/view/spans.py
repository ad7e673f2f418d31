"""Where turns, tool calls, tool results and context lie among the tokens of a rollout.

Idea
    A turn is a step of the batch. Tool calls and results are found by their tags in the text, closed or not. Context is
    what stood between two sampled tokens without being sampled: its text is told, since it has no tokens here.
"""

import itertools
import json
import re
from collections.abc import Sequence
from typing import Any

CALLS = ("tool_call", "tool_calls", "function_call", "search", "python", "execute")
RESULTS = ("tool_response", "tool_result", "tool_output", "function_response", "information")
TAG = re.compile(f"<({'|'.join((*CALLS, *RESULTS))})>")

Span = dict[str, Any]


def turn_spans(turn: Sequence[int]) -> list[Span]:
    """One span per turn, where there are several."""
    spans, start = [], 0
    for number, tokens in itertools.groupby(turn):
        length = sum(1 for _ in tokens)
        spans.append({"kind": "turn", "from": start, "to": start + length, "label": f"turn {number + 1}"})
        start += length
    return spans if len(spans) > 1 else []


def tool_spans(texts: Sequence[str]) -> list[Span]:
    """Spans of ``<tool_call>...</tool_call>`` and its kin, from token to token; an open one goes to the end."""
    ends = list(itertools.accumulate(map(len, texts)))
    text, spans, at = "".join(texts), [], 0
    while opened := TAG.search(text, at):
        name = opened.group(1)
        close = text.find(f"</{name}>", opened.end())
        at = len(text) if close < 0 else close + len(name) + 3
        kind = "tool_call" if name in CALLS else "tool_result"
        first = next(number for number, end in enumerate(ends) if end > opened.start())
        last = next(number for number, end in enumerate(ends) if end >= at)
        spans.append({"kind": kind, "from": first, "to": last + 1, "label": name})
    return spans


def context_spans(position: Sequence[int] | None, context: str | None) -> list[Span]:
    """Spans without tokens: ``from == to`` is the token before which the text stood.

    ``position``: of each sampled token in its sequence; ``context``: JSON, ``[[position, text], ...]``.
    """
    if not isinstance(context, str) or position is None:
        return []
    spans = []
    for start, text in json.loads(context) or ():
        before = sum(place < start for place in position)
        spans.append({"kind": "context", "from": before, "to": before, "label": "context", "text": text})
    return spans


__all__ = ["context_spans", "tool_spans", "turn_spans"]
