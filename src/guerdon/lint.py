"""Warnings of ``Recipe.check()``: settings that cannot have an effect, found from what pieces declare.

Here are those about the way of columns from piece to piece; ``lint_settings.py`` has those about single settings.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from guerdon import lint_settings
from guerdon.axes import ACTION, LEVELS, is_extensive, split_name
from guerdon.piece import Piece

if TYPE_CHECKING:
    from guerdon.recipe import Recipe


def warnings(recipe: "Recipe") -> list[str]:
    """Sentences about dead settings; empty if there is none."""
    return [*cancelled(recipe), *unread(recipe), *unused(recipe), *lint_settings.warnings(recipe)]


CHANGES: Mapping[str, frozenset[str]] = {
    **{word: frozenset({word}) for word in ("scale", "group_scale", "shift", "group_shift")},
    "affine": frozenset({"scale", "shift"}),
    "group_affine": frozenset({"group_scale", "group_shift"}),
}
"""What a piece acts as -> what it does, in the words of ``Piece.invariant``."""


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
                f"{' and '.join(sorted(CHANGES[piece.acts_as])).replace('_', ' ')}, and {' and '.join(blind)} "
                f"{'is' if len(blind) == 1 else 'are'} invariant to it"
            )


def unread(recipe: "Recipe") -> Iterator[str]:
    """A reward component that nothing after it reads, because it comes after the piece that adds them up."""
    flow = list(recipe.flow())
    for number, (place, piece) in enumerate(flow):
        if not place.startswith(("rewards.", "shaping.")):
            continue
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
    changes, blind, written = set(CHANGES[piece.acts_as]), [], set(piece.writes)
    for place, reader in later:
        reads_it = any(overlap(mine, read) for mine in written for read in reader.reads)
        rewrites_it = all(any(_hides(other, mine) for other in reader.writes) for mine in written)
        if reads_it and rewrites_it and reader.acts_as:
            # Handed on, scaled or shifted once more: later readers must not see either change.
            changes |= CHANGES[reader.acts_as]
            written = set(reader.writes)
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
    levels = {level, read_level}
    if is_extensive(mine) and len(levels) > 1 and not (ACTION in levels and levels & {"token", "step"}):
        return False
    if other.endswith("*") or mine.endswith("*"):
        return mine.startswith(other.rstrip("*")) or other.startswith(mine.rstrip("*"))
    return mine == other


def unused(recipe: "Recipe") -> Iterator[str]:
    """A transform whose columns nothing reads before they are written anew, or written finer."""
    flow = list(recipe.flow())
    for number, (place, piece) in enumerate(flow):
        components = any(name.startswith("traj.reward/") for name in piece.writes)
        if not place.startswith(("shaping.", "credit.", "advantage.")) or not piece.writes or components:
            continue
        alive = set(piece.writes)
        for _, later in flow[number + 1 :]:
            if any(overlap(mine, read) for mine in alive for read in later.reads):
                break
            alive -= {mine for mine in alive if any(_hides(other, mine) for other in later.writes)}
        else:
            if not alive & READ_BY_ALL:
                yield (
                    f"{place} ({type(piece).__name__}) has no effect: it writes {', '.join(map(repr, piece.writes))}, "
                    "which nothing after it reads; drop it, or add the piece that it was meant for"
                )


READ_BY_ALL = frozenset({"action.mask", "traj.reward", "traj.bootstrap_value"})
"""Columns that are used wherever they exist, without being declared."""


def _hides(finer: str, coarser: str) -> bool:
    """Whether a reader at the level of actions finds the first column where it would have found the second."""
    order = (ACTION, *LEVELS)
    (level, column), (other_level, other) = split_name(finer), split_name(coarser)
    return column == other and order.index(level) <= order.index(other_level)
