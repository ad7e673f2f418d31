"""What of a recipe runs inside verl before the update: rewards from batches, shaping, filters, credit, advantage.

Idea
    verl samples and scores; from its scores on, the slots run in the order of guerdon's own loop, on the same pieces.
    Nothing is left out in silence: a piece that reads what verl does not give is refused with a sentence.
Reads
    A batch of ``verl_batch.py``. The components that ``Recipe.rewards`` makes from texts are those that verl's reward
    function returns under their names; where there is one, verl's score is it. A reward piece that reads only what is
    there (lengths, tokens, log-probs) runs here.
Deviations
    What filters drop gets advantage 0, and its mask where the trainer seam can write it; refilling is verl's
    (``algorithm.filter_groups``). States of pieces live in the process and are not in verl's checkpoints.
"""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objective import call_with_state
from guerdon.objectives.aggregation import trained
from guerdon.plugins._slots import Slots
from guerdon.plugins.verl_batch import CELL, unpack, unpack_rows
from guerdon.recipe import Recipe

SCORE = "correct"
"""Component that verl's score is where the recipe names none."""
OF_REWARDS = "traj.reward/"
TEXTS = frozenset({"group.problem", "group.prompt", "traj.response", "run.task"})
"""Columns that only verl's reward function sees the content of."""
log = logging.getLogger("guerdon")


def recipe_of(text: str) -> Recipe:
    """``grpo``, ``grpo:verl`` (a composition), or a file saved by ``Recipe.save``.

    ``grpo`` alone is the composition ``verl`` where the paper has one, so that verl's users get verl's numbers.

    Raises:
        GuerdonError: if there is no such paper, composition or file.
    """
    from guerdon.catalogue import load_paper
    from guerdon.specs import find_recipe

    if text.endswith(".json") or Path(text).is_file():
        return find_recipe(text)
    name, _, variant = text.partition(":")
    if not variant and "verl" in load_paper(name).compositions:
        variant = "verl"
    return find_recipe(name, variant or None)


def components(recipe: Recipe) -> list[str]:
    """Names of the reward components that verl's reward function has to give: those that a recipe makes from texts."""
    written = [name for piece in recipe.rewards if TEXTS & set(piece.reads) for name in piece.writes]
    named = [name for name in written if name.startswith(OF_REWARDS) and not name.endswith("*")]
    return list(dict.fromkeys(name.removeprefix(OF_REWARDS) for name in named))


class Advantages(Slots):
    """A recipe's way from rewards to advantages, with the states of its pieces."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe, seed=0, notice=log.warning)
        self.calls, self.hint = 0, ""

    @property
    def single(self) -> str | None:
        """The component that verl's score is; None where the recipe has several."""
        names = components(self.recipe)
        return names[0] if len(names) == 1 else None if names else SCORE

    def advantages(self, batch: Batch, hint: str = "", **facts: Any) -> Batch:
        """The batch with ``action.advantage``, without the rows that filters dropped.

        Args:
            batch: with ``traj.reward``, or its components, and whatever else the pieces read.
            hint: what to do where a piece reads something that is not there.
            facts: of the run; ``step`` counts the calls unless given.

        Raises:
            GuerdonError: if a piece cannot run on what verl gives.
        """
        self.hint = hint
        self._check_budget(batch)
        batch = batch.with_run(**{"step": self.calls, **facts})
        self.calls += 1
        _, kept = self(batch, int(batch["run.step"]))
        if "action.advantage" not in kept:
            raise GuerdonError("the recipe must write an advantage, got none; put a piece of advantages/ into it")
        return kept

    def _check_budget(self, batch: Batch) -> None:
        """Refuse lengths that the recipe was not written for, where a piece goes by them: papers' budgets are toys'."""
        longest = getattr(self.recipe.rollout, "longest", None)
        if longest is None or not batch.size("traj"):
            return
        most = int(torch.bincount(batch.index("action", "traj"), minlength=1).max())
        for place, piece in self.recipe.flow():
            if most > longest and piece.acts_beyond is not None and piece.acts_beyond < longest:
                raise GuerdonError(
                    f"{place} ({type(piece).__name__}) goes by the length of responses and is set for up to {longest} "
                    f"tokens, got {most}; write the recipe to a file (guerdon recipe ID > mine.json), set it there for "
                    "data.max_response_length, and name the file"
                )

    def _apply(self, slot: str, batch: Batch) -> Batch:
        for number, piece in enumerate(getattr(self.recipe, slot)):
            place, hint = f"{slot}.{number}", self.hint
            if slot == "rewards":
                wanted = [name for name in piece.writes if name.startswith(OF_REWARDS) and not name.endswith("*")]
                if all(name in batch for name in wanted):
                    continue
                hint = hint or f"let the reward function return {_keys(wanted)} beside its score"
            if missing := [name for name in piece.reads if not name.endswith("*") and name not in batch]:
                raise GuerdonError(
                    f"{place} ({type(piece).__name__}) reads {', '.join(missing)}, which verl does not give here"
                    f"{'; ' + hint if hint else ''}"
                )
            batch = batch.with_columns(call_with_state(piece, batch, state=self.by_place().get(place)))
            if place not in self.remarked and (remark := piece.remark(batch)):
                self.remarked.add(place)
                self.notice(f"{place} ({type(piece).__name__}) {remark}")
        return batch


def _keys(columns: Collection[str]) -> str:
    return ", ".join(repr(name.removeprefix(OF_REWARDS)) for name in columns)


def dense(batch: Batch) -> tuple[Tensor, Tensor]:
    """Advantages and returns, each ``[rows, positions]`` as verl has them."""
    advantage = unpack(batch, batch["action.advantage"].float())
    return advantage, unpack(batch, batch["action.return"].float()) if "action.return" in batch else advantage


def over_sessions(batch: Batch, final: Sequence[int], mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As ``dense``, with the mask of the trained tokens, where the batch holds the last output of each session only.

    The other outputs get the advantage of the last.

    Args:
        batch: one trajectory per session.
        final: for each row of verl, the row that is the last output of its session.
        mask: ``[rows, positions]`` of all outputs.

    Raises:
        GuerdonError: if the advantage differs between the tokens of an output that stands for others.
    """
    advantage, returns = dense(batch)
    kept = unpack(batch, trained(batch).long())
    stands_for = torch.tensor(final, device=mask.device)
    others = (stands_for != torch.arange(len(final), device=mask.device)).nonzero()[:, 0]
    if not len(others):
        return advantage, returns, kept
    index, size = batch.index("action", "traj"), batch.size("traj")
    values = batch["action.advantage"].float()
    low, high = (
        values.new_zeros(size).scatter_reduce(0, index, values, how, include_self=False) for how in ("amin", "amax")
    )
    spans = unpack_rows(batch, high - low)[stands_for[others]]
    if bool((spans > 1e-6).any()):
        raise GuerdonError(
            "an agent loop gave several outputs for one session, and the recipe's advantage differs from token to "
            "token, so it cannot stand for the earlier outputs; let the loop return one output, or use an advantage "
            "per response"
        )
    used = unpack_rows(batch, torch.ones(size, device=mask.device))[stands_for[others]]
    level = unpack_rows(batch, low)[stands_for[others]][:, None] * mask[others]
    kept[others] = mask[others].long() * used[:, None].long()
    return advantage.index_copy(0, others, level), returns.index_copy(0, others, level), kept


__all__ = ["CELL", "Advantages", "components", "dense", "over_sessions", "recipe_of"]
