"""Printing for people and for programs."""

import json
import math
from collections.abc import Sequence
from typing import Any


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Left-aligned columns; the last one is not padded, so long sentences stay on their line. Empty headers: none."""
    texts = [[str(cell) for cell in row] for row in ([header] if any(header) else []) + [*rows]]
    widths = [max(len(row[column]) for row in texts) for column in range(len(header))]
    for row in texts:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_json(data: Any) -> None:
    """Indented JSON; numbers that JSON lacks become the strings ``"nan"``, ``"inf"`` and ``"-inf"``."""
    print(json.dumps(plain(data), indent=2, ensure_ascii=False))


def plain(data: Any) -> Any:
    """The data with every non-finite float as a string."""
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    return data


def number(value: float) -> str:
    """A measured number for people: five significant digits."""
    return f"{value:.5g}"
