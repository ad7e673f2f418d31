"""JSON inside a response."""

import json
import re
from typing import Any

BROKEN = (ValueError, RecursionError)


def whole_object(text: str) -> dict[str, Any] | None:
    """The object that the whole text is, a code fence aside; None if it is none."""
    try:
        data = json.loads(re.sub(r"\A```(?:json)?\s|```\Z", "", text.strip()).strip())
    except BROKEN:
        return None
    return data if isinstance(data, dict) else None


def last_object(text: str) -> dict[str, Any] | None:
    """The last complete object in a text that is not part of another; None without one."""
    decoder, found, at = json.JSONDecoder(), None, text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except BROKEN:
            end = at + 1
        at = text.find("{", end)
    return found
