"""Shoppers that mostly leave: the kind of the next action cannot be known, the item it is about can be read.

Idea
    Where leaving is the likeliest action, a reward for being right makes a policy always leave. Whether a larger reward
    for the hard actions keeps it shopping is seen in how often it still leaves.
Maths
    Per item ``leave + click + search`` sessions with that true action. A response is one of ``1 + 2 items`` actions:
    terminate, click item j, search for item j; the policy sees the item only. Its reward is what ``scorers/shop_action.py``
    gives for the text, or with ``binary`` 1 for the very action and 0 for others.
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Tabular`` policy.
Deviations
    The rationale is left out, every response is valid JSON, and the names of items share no word. The seed only shuffles
    the sessions.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.scorers.shop_action import ShopAction
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_task import TokenTask


@dataclass(frozen=True)
class ShopSessions(TokenTask):
    """Sessions about ``items`` items; for each ``leave``, ``click`` and ``search`` say how many there are of a kind."""

    items: int = 8
    """Number of items."""
    leave: int = 12
    """Sessions per item that end."""
    click: int = 5
    """Sessions per item that go on with a click on it."""
    search: int = 3
    """Sessions per item that go on with a search for it."""
    text_weight: float = 1000.0
    """The weight of the text in the reward."""
    binary: bool = False
    """Pay 1 for the very action instead."""
    seed: int = 0
    """Of the order of the sessions."""

    depth = 1

    def __post_init__(self) -> None:
        if self.items < 1 or min(self.leave, self.click, self.search) < 0 or not self.leave + self.click + self.search:
            raise GuerdonError(f"ShopSessions needs items >= 1 and at least one session per item, got {self}")
        ShopAction(self.text_weight)

    @property
    def contexts(self) -> int:
        """One row per item."""
        return self.items

    @property
    def actions(self) -> int:
        """Terminate, then a click on each item, then a search for each."""
        return 1 + 2 * self.items

    def size(self, split: str) -> int:
        """Number of sessions."""
        return self.items * (self.leave + self.click + self.search)

    @cached_property
    def sessions(self) -> Tensor:
        """Item and true action of each session, ``[sessions, 2]``."""
        rows = [
            (item, action)
            for item in range(self.items)
            for action, count in ((0, self.leave), (1 + item, self.click), (1 + self.items + item, self.search))
            for _ in range(count)
        ]
        order = torch.randperm(len(rows), generator=Stream((self.seed, "shop_sessions")).generator())
        return torch.tensor(rows)[order]

    def action(self, number: int) -> dict[str, str]:
        """An action as a shopper would write it."""
        if number == 0:
            return {"type": "terminate"}
        name = f"item{(number - 1) % self.items}"
        search = {"type": "type_and_submit", "name": "search box", "text": name}
        return {"type": "click", "name": name} if number <= self.items else search

    @cached_property
    def pay(self) -> Tensor:
        """Reward by true action and action, ``[actions, actions]``."""
        scorer, texts = ShopAction(self.text_weight), list(map(self.action, range(self.actions)))
        said = [json.dumps({"rationale": "so", "action": text}) for text in texts]
        scores = [[scorer(Problem(0, "?", meta={"action": true}), text)["action"] for text in said] for true in texts]
        return torch.eye(self.actions) if self.binary else torch.tensor(scores)

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """The item, ``[n]``."""
        return self.sessions[prompt, 0]

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task``, ``[n]``."""
        return {"traj.reward/task": self.pay[self.sessions[prompt, 1], tokens[:, 0]]}

    def rates(self, logits: Tensor) -> tuple[float, float]:
        """Chance to leave, and to name the right item otherwise, of rows ``[items, actions]``; means over items."""
        prob = logits.softmax(-1)
        item = torch.arange(self.items)
        right = prob[item, 1 + item] + prob[item, 1 + self.items + item]
        stays = (1 - prob[:, 0]).clamp(min=1e-30)
        return float(prob[:, 0].mean()), float((right / stays).mean())
