"""Outcomes of guarded calls as reward columns."""

import math
from collections.abc import Mapping, Sequence

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.rewards.guard import Outcome

REASONS = "traj.reward_error"
"""Per trajectory: why a component of its reward is unscored, ``name: reason``; "" where every one is scored."""


def reward_columns(
    batch: Batch,
    outcomes: Sequence[Outcome],
    name: str,
    components: Sequence[str] = (),
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Mapping[str, Column]:
    """``traj.reward/<name>``, or one column per component, and the reasons added to those that the batch has.

    Raises:
        GuerdonError: if a function returned named components and none were asked for.
    """
    columns, told = component_lists(outcomes, name, components, bounds)
    earlier = batch[REASONS] if REASONS in batch else [""] * len(told)
    tensors = {f"traj.reward/{key}": torch.tensor(column, device=batch.device) for key, column in columns.items()}
    return {**tensors, REASONS: ["; ".join(filter(None, both)) for both in zip(earlier, told, strict=True)]}


def component_lists(
    outcomes: Sequence[Outcome],
    name: str,
    components: Sequence[str] = (),
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[dict[str, list[float]], list[str]]:
    """The scores by component, NaN where unscored, and the reasons, ``name: reason`` or "".

    A value beyond ``bounds`` is unscored: a rule that breaks its word about its range is wrong in some other way too.

    Raises:
        GuerdonError: if a function returned named components and none were asked for.
    """
    keys = components or (name,)
    columns: dict[str, list[float]] = {key: [] for key in keys}
    reasons = []
    for outcome in outcomes:
        if components:
            parts, reason = _parts(outcome, keys)
        elif isinstance(outcome.value, dict):
            raise GuerdonError(
                f"reward {name!r} must be one number, got components {', '.join(outcome.value)}; "
                "name them in the field `components`"
            )
        else:
            parts, reason = {name: outcome.value}, outcome.reason
        for key in keys:
            if beyond := parts[key] < bounds[0] or parts[key] > bounds[1]:
                told = f"scores must lie in {bounds[0]:g} .. {bounds[1]:g}, got {key} {parts[key]:g}"
                reason = "; ".join(filter(None, [reason, told]))
            columns[key].append(math.nan if beyond else parts[key])
        reasons.append(f"{name}: {reason}" if reason else "")
    return columns, reasons


def check_bounds(owner: str, bounds: tuple[float, float]) -> None:
    """Refuse a range that holds no number.

    Raises:
        GuerdonError: naming the piece.
    """
    if not bounds[0] <= bounds[1]:
        raise GuerdonError(
            f"{owner}.bounds must be the smallest and the largest score, got {bounds[0]} and {bounds[1]}"
        )


def _parts(outcome: Outcome, keys: Sequence[str]) -> tuple[dict[str, float], str]:
    """The asked-for components of an outcome; NaN and a reason where one is missing."""
    unscored = dict.fromkeys(keys, math.nan)
    if not isinstance(outcome.value, dict):
        asked = f"the function must return components {', '.join(keys)}, got one number"
        return unscored, outcome.reason or asked
    odd = sorted(set(outcome.value) ^ set(keys))
    differ = f"the function's components must be {', '.join(keys)}; missing or unknown: {', '.join(odd)}" if odd else ""
    known = {key: value for key, value in outcome.value.items() if key in unscored}
    return {**unscored, **known}, "; ".join(filter(None, [outcome.reason, differ]))
