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


def cached(
    path: str, keys: Sequence[str | None], ask: Callable[[list[int]], list[Outcome]], at_once: int | None = None
) -> list[Outcome]:
    """One outcome per key: what the cache at ``path`` knows, and for the other rows what ``ask`` says, kept for later.

    Equal keys are asked about once; a row without a key always. At most ``at_once`` rows are asked about before they
    are kept, so that a kill loses no more than these.
    """
    cache = Cache(path)
    known = {key: Outcome(value) for key, value in cache.look_up([*{key for key in keys if key}]).items()}
    first = {key: row for row, key in reversed([*enumerate(keys)]) if key and key not in known}
    rows = sorted([*first.values(), *(row for row, key in enumerate(keys) if not key)])
    fresh: dict[int, Outcome] = {}
    size = at_once or max(len(rows), 1)
    for part in (rows[start : start + size] for start in range(0, len(rows), size)):
        told = dict(zip(part, ask(part), strict=True))
        cache.store({key: told[row].value for row in part if (key := keys[row]) and not told[row].reason})
        fresh.update(told)
    known.update((key, fresh[row]) for key, row in first.items())
    return [known[key] if key else fresh[row] for row, key in enumerate(keys)]


__all__ = ["Outcome", "cached"]
