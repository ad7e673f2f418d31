"""The slots of a recipe between sampling and update, on a batch that somebody else sampled."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from guerdon.batch import Batch
from guerdon.objective import call_with_state
from guerdon.recipe import Recipe
from guerdon.rng import Stream, seeded

Notice = Callable[[str], None]


class Slots:
    """Rewards, shaping, filters, credit and advantage, with the state of the pieces that have one."""

    def __init__(self, recipe: Recipe, seed: int, notice: Notice) -> None:
        """``notice`` is told what a piece finds doubtful about its settings, once per piece."""
        self.recipe, self.stream, self.notice = recipe, Stream((seed,)), notice
        self.remarked: set[str] = set()
        self.states = nn.ModuleDict()
        for place, piece in recipe.flow():
            with seeded(self.stream.child("state", place), torch.device("cpu")):
                state = piece.init_state()
            if state is not None:
                self.states[place.replace(".", "/")] = state

    def by_place(self) -> Mapping[str, Any]:
        """Place of the recipe -> state."""
        return {place.replace("/", "."): state for place, state in self.states.items()}

    def __call__(self, batch: Batch, step: int) -> tuple[Batch, Batch]:
        """The batch with rewards, and what the filters leave of it with advantages. Random choices repeat per step."""
        with seeded(self.stream.child("step", step, "global"), batch.device):
            for slot in ("rewards", "shaping"):
                batch = self._apply(slot, batch)
            kept = batch
            for number, piece in enumerate(self.recipe.filters):
                if kept.size("group"):
                    keep = call_with_state(piece, kept, state=self.by_place().get(f"filters.{number}"))
                    kept = kept.select(piece.level, keep)
            for slot in ("credit", "advantage"):
                kept = self._apply(slot, kept)
        return batch, kept

    def _apply(self, slot: str, batch: Batch) -> Batch:
        for number, piece in enumerate(getattr(self.recipe, slot)):
            place = f"{slot}.{number}"
            batch = batch.with_columns(call_with_state(piece, batch, state=self.by_place().get(place)))
            if place not in self.remarked and (remark := piece.remark(batch)):
                self.remarked.add(place)
                self.notice(f"{place} ({type(piece).__name__}) {remark}")
        return batch
