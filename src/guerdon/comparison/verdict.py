"""What the intervals of a comparison allow to say, in words.

A method beats another if both intervals that decide exclude "no difference" on the same side: that of the difference of
the interquartile means excludes 0, and that of P(improvement) excludes 1/2. Otherwise the data do not tell them apart,
which is not the same as being equal. With so few seeds that even complete separation is likely
enough by chance, nothing is claimed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from guerdon.comparison.statistics import Drawn, Estimate, Numbers, Pair, pair

MANY = 1000
"""Needed seeds beyond which no number is said."""


@dataclass(frozen=True)
class Verdict:
    """About one pair of methods."""

    ours: int
    theirs: int
    outcome: str
    """``beats``, ``loses``, ``not told apart`` or ``too few seeds``."""
    sentence: str


def outcome(found: Pair, runs: int) -> str:
    """What the intervals allow."""
    if runs < found.least:
        return "too few seeds"
    gain, chance = found.difference.interval, found.improvement.interval
    if gain[0] > 0 and chance[0] > 0.5:
        return "beats"
    if gain[1] < 0 and chance[1] < 0.5:
        return "loses"
    return "not told apart"


def verdict(found: Pair, names: Sequence[str], runs: int) -> Verdict:
    """One pair in words."""
    ours, theirs, said = names[found.ours], names[found.theirs], outcome(found, runs)
    numbers = (
        f"P(improvement) {told(found.improvement)}; IQM {told(found.difference, signed=True)}"
        if runs > 1
        else f"P(improvement) {found.improvement.value:.2f}; IQM {found.difference.value:+.3g}"
    )
    if said == "beats":
        sentence = f"{ours} beats {theirs}: {numbers}"
    elif said == "loses":
        sentence = f"{ours} loses to {theirs}: {numbers}"
    elif said == "too few seeds":
        few = f"{runs} seed{'s' * (runs > 1)} cannot tell {ours} and {theirs} apart"
        sentence = f"{few}, whatever the scores; it takes {found.least} at least: {numbers}"
    elif found.same:
        sentence = f"{ours} and {theirs} have the same score on every seed"
    else:
        sentence = f"the data do not tell {ours} and {theirs} apart: {numbers}; {_seeds(found, runs)}"
    return Verdict(found.ours, found.theirs, said, sentence)


def told(estimate: Estimate, signed: bool = False) -> str:
    """``+0.05 [0.02, 0.08]`` with the digits that the interval's width deserves."""
    low, high = estimate.interval
    width = high - low
    digits = 2 if not signed or not 0 < width < math.inf else min(max(1 - math.floor(math.log10(width)), 0), 6)
    sign = "+" if signed else ""
    return f"{estimate.value:{sign}.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _seeds(found: Pair, runs: int) -> str:
    """How many seeds would tell more."""
    wanted = max(found.needed, runs + 1)
    if wanted > MANY:
        return f"a difference as small as the one seen would take more than {MANY:,} seeds"
    return f"if the difference is as large as it seems, about {rounded(wanted)} seeds would show it (4 times of 5)"


def rounded(value: float) -> int:
    """Two significant digits, upwards."""
    unit = 10 ** max(math.floor(math.log10(value)) - 1, 0)
    return math.ceil(value / unit) * unit


def overall(scores: Numbers, drawn: Drawn, names: Sequence[str], iqm: Sequence[float]) -> str:
    """Whether one method is ahead of all others, as all pairs at once allow to say; scores ``[methods, runs, tasks]``."""
    count, runs = len(names), scores.shape[1]
    best = int(np.argmax(iqm))
    family = count * (count - 1) // 2
    others = [number for number in range(count) if number != best]
    beaten = [number for number in others if outcome(pair(scores, drawn, best, number, family), runs) == "beats"]
    if len(beaten) == len(others):
        return f"{names[best]} is ahead of {'all others' if count > 2 else names[others[0]]}."
    rest = " and ".join(names[number] for number in others if number not in beaten)
    if not beaten:
        return f"No method stands out: {names[best]} has the highest IQM, but is not told apart from {rest}."
    ahead = " and ".join(names[number] for number in beaten)
    return f"{names[best]} has the highest IQM and is told apart from {ahead}, but not from {rest}."


__all__ = ["Verdict", "outcome", "overall", "verdict"]
