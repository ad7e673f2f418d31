"""Warnings of ``Recipe.check()`` about single settings: dead, degenerate, or at odds with another piece.

Every rule goes by what pieces declare (``base.py``, ``piece.py``), never by which piece it is.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from guerdon.axes import split_name
from guerdon.piece import Filter, Piece, Term

if TYPE_CHECKING:
    from guerdon.recipe import Recipe


def warnings(recipe: "Recipe") -> list[str]:
    """Sentences about single settings; empty if there is none."""
    return [
        *moot(recipe),
        *without_weight(recipe),
        *without_peers(recipe),
        *without_prompts(recipe),
        *robbed(recipe),
        *dead_clips(recipe),
        *plain(recipe),
        *flat(recipe),
        *nothing_to_mend(recipe),
        *repeated(recipe),
        *out_of_reach(recipe),
        *unreached_limits(recipe),
        *forgetful(recipe),
    ]


def at(place: str, piece: Piece) -> str:
    """How a sentence begins."""
    return f"{place} ({type(piece).__name__})"


def moot(recipe: "Recipe") -> Iterator[str]:
    """What a piece says about its own settings."""
    for place, piece in recipe.flow():
        if piece.moot:
            yield f"{at(place, piece)} {piece.moot}"


def without_weight(recipe: "Recipe") -> Iterator[str]:
    """A piece whose coefficient is 0: it costs what its columns cost and changes nothing."""
    for place, piece in recipe.flow():
        if getattr(piece, "coef", None) == 0:
            yield f"{at(place, piece)} has no effect: its coef is 0; drop it or give it a weight"


def without_peers(recipe: "Recipe") -> Iterator[str]:
    """A comparison inside groups of one."""
    if getattr(recipe.rollout, "samples_per_prompt", None) != 1:
        return
    for place, piece in recipe.flow():
        if piece.needs_peers:
            yield (
                f"{at(place, piece)} has nothing to compare: it compares the responses to a prompt, and "
                "rollout.samples_per_prompt is 1; raise it, or compare over the batch"
            )


def without_prompts(recipe: "Recipe") -> Iterator[str]:
    """A comparison between prompts in batches of one."""
    if getattr(recipe.rollout, "prompts", None) != 1:
        return
    for place, piece in recipe.flow():
        if piece.needs_prompts:
            yield (
                f"{at(place, piece)} has nothing to compare: it compares the prompts of a batch, and "
                "rollout.prompts is 1; raise it"
            )


def robbed(recipe: "Recipe") -> Iterator[str]:
    """A filter that drops what a later piece is there for."""
    flow = list(recipe.flow())
    filters = [(place, piece) for place, piece in flow if isinstance(piece, Filter) and piece.drops_equal_groups]
    for place, piece in flow:
        if piece.for_equal_groups:
            for where, dropping in filters:
                yield (
                    f"{at(where, dropping)} drops the groups whose rewards are equal, from which {at(place, piece)} "
                    "could learn; drop the filter, or use an advantage that compares inside groups"
                )


def at_old(recipe: "Recipe") -> bool:
    """Whether every gradient is taken at the policy that the update began with."""
    return recipe.update.on_policy and recipe.update.recompute_old


def dead_clips(recipe: "Recipe") -> Iterator[str]:
    """A limit on the distance from the old policy where every gradient is taken at the old policy."""
    if not at_old(recipe):
        return
    same = ("old_", "ema_") if recipe.update.ema_decay == 0 else ("old_",)
    for place, piece in recipe.flow():
        reads_it = any(split_name(name)[1].startswith(same) for name in piece.reads)
        if place.startswith("objective.") and reads_it and piece.clips_ratio:
            yield (
                f"{at(place, piece)} limits how far the policy is from the old one, and it is never away: "
                "with update.epochs=1 and update.minibatches=1 every gradient is taken at the old policy; raise one of "
                "them or drop the limit"
            )


def plain(recipe: "Recipe") -> Iterator[str]:
    """A loss of the distance from the old policy where there is none."""
    for place, piece in recipe.flow():
        if piece.plain_at_old and at_old(recipe):
            yield (
                f"{at(place, piece)} is a plain policy gradient here: with update.epochs=1 and update.minibatches=1 the "
                "policy is the old one in every gradient; raise one of them"
            )


def flat(recipe: "Recipe") -> Iterator[str]:
    """A loss without a gradient on average, where actions are the policy's samples and not stored ones."""
    if recipe.rollout is None or not any(name.endswith(".behavior_logprob") for name in recipe.rollout.writes):
        return
    for place, piece in recipe.flow():
        if piece.flat_on_samples:
            yield (
                f"{at(place, piece)} pulls nowhere: over samples of the policy its gradient is 0 on average; use another "
                "estimator, or put it into the reward"
            )


def nothing_to_mend(recipe: "Recipe") -> Iterator[str]:
    """A correction of the sampler where the sampler needs none, or where it is taken at its word."""
    if not recipe.update.recompute_old:
        why = "update.recompute_old=False takes the sampler's log-probs for those of the old policy"
    elif recipe.rollout is not None and recipe.rollout.draws_policy and recipe.update.precision == "fp32":
        why = f"{type(recipe.rollout).__name__} samples from the trainer's policy itself, up to rounding"
    else:
        return
    for place, piece in recipe.flow():
        if piece.mends_mismatch:
            yield f"{at(place, piece)} has no effect: it corrects a sampler that differs from the policy, and {why}"


def repeated(recipe: "Recipe") -> Iterator[str]:
    """A response's loss at each of its actions, summed over them."""
    aggregation = recipe.objective.aggregation
    if aggregation.averages_response:
        return
    for place, piece in recipe.flow():
        if isinstance(piece, Term) and piece.repeats_response:
            yield (
                f"{at(place, piece)} gives every action the loss of its response, and objective.aggregation "
                f"({type(aggregation).__name__}) adds these up, so that a response counts as often as it is long; "
                "use SeqMeanTokenMean, unless that is meant"
            )


def out_of_reach(recipe: "Recipe") -> Iterator[str]:
    """A length that responses cannot exceed."""
    longest = getattr(recipe.rollout, "longest", None)
    for place, piece in recipe.flow():
        if longest is not None and piece.acts_beyond is not None and piece.acts_beyond >= longest:
            yield (
                f"{at(place, piece)} tells no responses apart: it begins beyond {piece.acts_beyond} actions, and the "
                f"rollout cuts responses at {longest}; lower its length or raise the budget"
            )


def unreached_limits(recipe: "Recipe") -> Iterator[str]:
    """A clip that is wider than what the normaliser before it can give."""
    size = getattr(recipe.rollout, "samples_per_prompt", None)
    writer: dict[str, Piece] = {}
    for place, piece in recipe.flow():
        low, high = piece.lets_through
        for name in piece.writes:
            before = writer.get(name)
            largest = before.bound(size) if before and size else None
            writer[name] = piece
            if largest is None or low is high is None:
                continue
            if (low is None or low <= -largest) and (high is None or high >= largest):
                yield (
                    f"{at(place, piece)} never clips: in groups of {size}, {type(before).__name__} gives no value "
                    f"beyond {largest:.3g}"
                )


def forgetful(recipe: "Recipe") -> Iterator[str]:
    """Running statistics that hold no more than one batch."""
    size = getattr(recipe.rollout, "samples_per_prompt", None)
    for place, piece in recipe.flow():
        if size is not None and piece.memory is not None and piece.memory <= size:
            yield (
                f"{at(place, piece)} remembers nothing: it keeps {piece.memory} rewards of a prompt, and each batch has "
                f"{size} of them; raise its size"
            )


def too_short(recipe: "Recipe", steps: int) -> list[str]:
    """Sentences about pieces whose statistics a run of ``steps`` never uses."""
    return [
        f"{at(place, piece)} has no effect in this run: its statistics are in use after {piece.warmup_steps} steps, and "
        f"the run has {steps}"
        for place, piece in recipe.flow()
        if 0 < steps <= piece.warmup_steps
    ]
