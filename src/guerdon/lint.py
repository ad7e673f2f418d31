"""Warnings of ``Recipe.check()``: settings that cannot have an effect, found from what pieces declare."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from guerdon.axes import ACTION, is_extensive, split_name
from guerdon.piece import Piece

if TYPE_CHECKING:
    from guerdon.recipe import Recipe


def warnings(recipe: "Recipe") -> list[str]:
    """Sentences about dead settings; empty if there is none."""
    return [*cancelled(recipe), *unread(recipe), *dead_clips(recipe)]


def cancelled(recipe: "Recipe") -> Iterator[str]:
    """A piece that only scales or shifts a column that every later reader takes scaled or shifted alike.

    Readers in the metrics do not count: they change no training.
    """
    flow = [(place, piece) for place, piece in recipe.flow() if not place.startswith("metrics.")]
    for number, (place, piece) in enumerate(flow):
        if not piece.acts_as:
            continue
        blind = _readers_that_do_not_see(piece, flow[number + 1 :])
        if blind:
            yield (
                f"{place} ({type(piece).__name__}) has no effect: it only changes "
                f"{piece.acts_as.replace('_', ' ')}, and {' and '.join(blind)} "
                f"{'is' if len(blind) == 1 else 'are'} invariant to it"
            )


def unread(recipe: "Recipe") -> Iterator[str]:
    """A reward component that nothing after it reads, because it comes after the piece that adds them up."""
    flow = list(recipe.flow())
    for number, (place, piece) in enumerate(flow):
        read = {name for _, later in flow[number + 1 :] for name in later.reads}
        for name in piece.writes:
            if not name.startswith("traj.reward/") or name.endswith("*") or any(overlap(name, other) for other in read):
                continue
            yield (
                f"{place} ({type(piece).__name__}) has no effect: it writes {name!r}, which nothing after it reads; "
                "put it before the piece that combines the components"
            )


def _readers_that_do_not_see(piece: Piece, later: Sequence[tuple[str, Piece]]) -> list[str]:
    """The readers of what ``piece`` writes, if all of them are invariant to what it does; else nothing."""
    changes, blind, written = {piece.acts_as}, [], set(piece.writes)
    for place, reader in later:
        reads_it = any(overlap(mine, read) for mine in written for read in reader.reads)
        rewrites_it = written <= set(reader.writes)
        if reads_it and rewrites_it and reader.acts_as:
            # Handed on, scaled or shifted once more: later readers must not see either change.
            changes.add(reader.acts_as)
        elif reads_it:
            if not _covers(reader.invariant, changes):
                return []
            blind.append(f"{place} ({type(reader).__name__})")
        if rewrites_it and not (reads_it and reader.acts_as):
            break
    return blind


def _covers(invariant: Collection[str], changes: Collection[str]) -> bool:
    """Whether an output that is invariant to ``invariant`` is invariant to ``changes``, done one after the other.

    What may differ between groups may also be the same for all; a shift scaled per group differs between groups.
    """
    apart = any(change.startswith("group_") for change in changes)
    return all(
        f"group_{kind}" in invariant or (not apart and kind in invariant)
        for kind in {change.removeprefix("group_") for change in changes}
    )


def overlap(written: str, read: str) -> bool:
    """Whether a column that is written may be the one that is read, at whatever level it is read."""
    (level, mine), (read_level, other) = split_name(written), split_name(read)
    if is_extensive(mine) and level != read_level and ACTION not in (level, read_level):
        return False
    if other.endswith("*") or mine.endswith("*"):
        return mine.startswith(other.rstrip("*")) or other.startswith(mine.rstrip("*"))
    return mine == other


def dead_clips(recipe: "Recipe") -> Iterator[str]:
    """A clip on ratios that are identically 1, because every gradient is taken at the sampling policy."""
    surrogate, update = recipe.objective.surrogate, recipe.update
    recomputed = update.recompute_old and "action.old_logprob" in surrogate.reads
    if update.on_policy and recomputed and getattr(surrogate, "clips_ratio", False):
        yield (
            f"objective.surrogate ({type(surrogate).__name__}) clips ratios that are identically 1: with "
            "update.epochs=1 and update.minibatches=1 every gradient is on-policy; raise one of them or drop the clip"
        )
