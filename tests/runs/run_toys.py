"""A small recipe with everything a checkpoint has to carry: optimiser moments, ref, ema, piece state, dropout."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.advantages.standardize import Standardize
from guerdon.batch import Batch, Column
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, TokenMean
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.piece import Aggregation, Policy, PolicySpec, RowLoss, Term, Transform
from guerdon.policies.tabular import Tabular, TabularPolicy
from guerdon.policies.tiny_lm import TinyLM
from guerdon.recipe import Recipe
from guerdon.rewards.guard import Guard
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.rng import Stream
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.format import Pattern
from guerdon.tasks.reasoning_gym import ReasoningGym
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update


@dataclass(frozen=True)
class ToyBaseline(Transform):
    """``A = r - b`` with a running mean ``b``."""

    decay: float = 0.9
    reads = ("traj.reward",)
    writes = ("traj.advantage",)

    def init_state(self) -> nn.Module:
        state = nn.Module()
        state.register_buffer("mean", torch.zeros(()))
        return state

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        reward = batch["traj.reward"]
        state.mean.lerp_(reward.mean(), 1 - self.decay)
        return {"traj.advantage": reward - state.mean}


@dataclass(frozen=True)
class ToySurrogate(Term):
    """``-A log pi`` pulled to the reference and to the moving average."""

    coef: float = 0.01
    reads = ("action.logprob", "action.advantage", "action.entropy", "action.ref_logprob", "action.ema_logprob")

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        logprob = batch["action.logprob"]
        pull = (logprob - batch["action.ref_logprob"]).square() + (logprob - batch["action.ema_logprob"]).square()
        metrics = {"entropy": batch["action.entropy"].detach(), "kl": pull.detach()}
        return RowLoss("action", self.coef * pull - batch["action.advantage"] * logprob, metrics)


class ToyPolicy(TabularPolicy):
    """A table whose logits are dropped out in training, so that the global generator matters."""

    def evaluate(self, batch: Batch, wants: frozenset[str]) -> dict[str, Tensor]:
        kept = nn.functional.dropout(torch.ones_like(self.logits), 0.1, self.training)
        logprobs = (self.logits * kept)[batch["action.context"]].log_softmax(-1)
        picked = logprobs.gather(1, batch["action.id"][:, None])[:, 0]
        return {"action.logprob": picked, "action.entropy": -(logprobs.exp() * logprobs).sum(-1)}


@dataclass(frozen=True)
class ToyTable(PolicySpec):
    """Builds a ``ToyPolicy``."""

    init_std: float = 0.5
    provides = frozenset({"action.logprob", "action.entropy"})

    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> Policy:
        return ToyPolicy(Tabular(self.init_std).build(task, frozenset(), stream).logits.detach(), critic=False)


def toy_recipe(
    policy: PolicySpec | None = None,
    update: Update | None = None,
    aggregation: Aggregation | None = None,
) -> Recipe:
    return Recipe(
        task=TokenTree(prompts=6, vocab=3, depth=2, correct=2),
        policy=policy or ToyTable(),
        rollout=SampleTree(prompts=4, samples_per_prompt=4),
        advantage=(ToyBaseline(),),
        objective=Objective(ToySurrogate(), aggregation or TokenMean()),
        update=update or Update(lr=0.05, epochs=2, minibatches=2, warmup=3, decay="cosine"),
    )


def language_recipe() -> Recipe:
    """GRPO with a KL penalty on a tiny language model, all of it from the catalogue."""
    return Recipe(
        task=ReasoningGym("chain_sum", test_size=4, options={"min_terms": 2, "max_terms": 2, "max_digits": 1}),
        policy=TinyLM(width=32, layers=1, heads=2, vocab_size=300),
        rollout=Sample(prompts=2, samples_per_prompt=3, sampling=Sampling(max_tokens=5)),
        rewards=(Verifier(guard=Guard(isolate=False)), Scored(Pattern(".*[0-9].*"), guard=Guard(isolate=False))),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), SeqMeanTokenMean(), regularizers=(KLPenalty(0.01), EntropyBonus(0.01))),
        update=Update(lr=3e-3, epochs=2, minibatches=2, micro_batch=2),
    )


TOYS: dict[str, type] = {cls.__name__: cls for cls in (ToyBaseline, ToySurrogate, ToyTable)}
"""What has to be added to the catalogue for a recipe with toys to load."""

__all__ = ["TOYS", "ToyTable", "toy_recipe"]
