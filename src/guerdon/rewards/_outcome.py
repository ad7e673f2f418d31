"""What became of one sample, and outcomes that are known already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from guerdon.rewards.cache import Cache


@dataclass(frozen=True)
class Outcome:
    """What became of one sample."""

    value: float | dict[str, float]
    """The score; NaN is unscored. A dict where the function returns named components."""
    reason: str = ""
    """Why (a part of) the value is NaN; empty where all is fine."""


def cached(path: str, keys: Sequence[str | None], ask: Callable[[list[int]], list[Outcome]]) -> list[Outcome]:
    """One outcome per key: what the cache at ``path`` knows, and for the other rows what ``ask`` says, kept for later.

    Equal keys are asked about once; a row without a key always.
    """
    cache = Cache(path)
    known = {key: Outcome(value) for key, value in cache.look_up([*{key for key in keys if key}]).items()}
    first = {key: row for row, key in reversed([*enumerate(keys)]) if key and key not in known}
    rows = sorted([*first.values(), *(row for row, key in enumerate(keys) if not key)])
    fresh = dict(zip(rows, ask(rows), strict=True)) if rows else {}
    told = {key: fresh[row] for key, row in first.items()}
    cache.store({key: outcome.value for key, outcome in told.items() if not outcome.reason})
    return [fresh[row] if not key else known.get(key) or told[key] for row, key in enumerate(keys)]


__all__ = ["Outcome", "cached"]
