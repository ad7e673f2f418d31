"""Warnings of ``Recipe.check()``: settings that cannot have an effect, found from what pieces declare."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from guerdon.piece import Piece

if TYPE_CHECKING:
    from guerdon.recipe import Recipe


def warnings(recipe: "Recipe") -> list[str]:
    """Sentences about dead settings; empty if there is none."""
    return [*cancelled(recipe), *unread(recipe), *dead_clips(recipe)]


def cancelled(recipe: "Recipe") -> Iterator[str]:
    """A piece that only scales or shifts a column, whose next reader does not see scales or shifts."""
    flow = list(recipe.flow())
    for number, (place, piece) in enumerate(flow):
        if not piece.acts_as:
            continue
        for later_place, later in flow[number + 1 :]:
            if not set(piece.writes) & set(later.reads):
                continue
            if piece.acts_as in later.invariant:
                yield (
                    f"{place} ({type(piece).__name__}) has no effect: it only changes "
                    f"{piece.acts_as.replace('_', ' ')}, and {later_place} ({type(later).__name__}) is invariant to it"
                )
            if not _passes_on(later, piece):
                break


def unread(recipe: "Recipe") -> Iterator[str]:
    """A reward component that nothing after it reads, because it comes after the piece that adds them up."""
    flow = list(recipe.flow())
    for number, (place, piece) in enumerate(flow):
        readers = {name for _, later in flow[number + 1 :] for name in later.reads}
        for name in piece.writes:
            if not name.startswith("traj.reward/") or name.endswith("*") or readers & {name, "traj.reward/*"}:
                continue
            yield (
                f"{place} ({type(piece).__name__}) has no effect: it writes {name!r}, which nothing after it reads; "
                "put it before the piece that combines the components"
            )


def _passes_on(later: Piece, piece: Piece) -> bool:
    """Whether ``later`` hands the change on unaltered, so that a reader after it may still cancel it."""
    return later.acts_as != "" and set(later.writes) == set(piece.writes)


def dead_clips(recipe: "Recipe") -> Iterator[str]:
    """A clip on ratios that are identically 1, because every gradient is taken at the sampling policy."""
    surrogate = recipe.objective.surrogate
    if recipe.update.on_policy and getattr(surrogate, "clips_ratio", False):
        yield (
            f"objective.surrogate ({type(surrogate).__name__}) clips ratios that are identically 1: with "
            "update.epochs=1 and update.minibatches=1 every gradient is on-policy; raise one of them or drop the clip"
        )
