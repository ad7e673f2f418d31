"""Advantages, KL estimates and losses against verl's ``core_algos`` functions, on the same tensors.

1,024 responses to 128 prompts, of 1 to 1,024 tokens, every eighth with tool tokens inside. verl's functions take them
padded, as its trainer holds them; guerdon's pieces take them packed, as its loop holds them. The time of a piece is that
of the whole call: batch in, columns out. A number per response is spread to tokens where it is read, and the note says
what that costs. A loss is timed forward and backward, ours with its weights and metrics. Numbers are compared on all
trained tokens, gradients as well.

    python benchmarks/core_algos.py [--responses 1024] [--tokens 1024] [--full] [--threads 1] [--json [FILE]] [--record]

``--full`` makes all responses equally long, so that nothing is gained by not padding. Needs verl 0.9.
"""

import argparse
import logging
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy
import torch
from _measure import Row, add_options, median, paired, publish, quantity, ratio
from torch import Tensor

from guerdon.advantages.gae import GAE
from guerdon.advantages.return_to_go import ReturnToGo
from guerdon.advantages.standardize import Standardize
from guerdon.advantages.whiten import Whiten
from guerdon.batch import Batch
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum, SumOverLength, TokenMean
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.sapo import SAPO
from guerdon.objectives.value_clip import ValueClip
from guerdon.piece import Aggregation, Term, Transform, Weight

GROUP = 8
FASTER = 10.0
"""How many times faster group statistics must be."""
SAME = 1e-4
"""Largest difference allowed, relative to the largest number where that exceeds 1 (float32, other order of sums)."""


@dataclass(frozen=True)
class Data:
    """The same numbers twice: padded for verl, packed for guerdon."""

    mask: Tensor
    """``[response, token]`` float: 1 where a token was sampled."""
    uids: numpy.ndarray
    reward: Tensor
    """``[response]``."""
    padded: Mapping[str, Tensor]
    """Log-probs, values and returns, ``[response, token]``."""
    batch: Batch

    @property
    def trained(self) -> Tensor:
        return self.mask.bool()

    @property
    def token_rewards(self) -> Tensor:
        """The reward on the last sampled token of each response."""
        last = self.mask.shape[1] - 1 - self.mask.flip(1).argmax(1)
        return torch.zeros_like(self.mask).scatter_(1, last[:, None], self.reward[:, None])


def make(responses: int, tokens: int, full: bool) -> Data:
    """Random rollouts; log-probs of the three policies are near one another, as in training."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.full((responses,), tokens)
    if not full:
        lengths = torch.randint(1, tokens + 1, (responses,), generator=generator)
    places = torch.arange(tokens)
    mask = places < lengths[:, None]
    tool = (torch.arange(responses) % 8 == 0)[:, None] & (places >= lengths[:, None] // 3)
    mask &= ~(tool & (places < lengths[:, None] // 2))
    logprob = -torch.rand(responses, tokens, generator=generator) * 3
    noise = lambda scale: torch.randn(responses, tokens, generator=generator) * scale  # noqa: E731
    padded = {"logprob": logprob, "old_logprob": logprob + noise(0.15), "ref_logprob": logprob + noise(0.3)}
    padded |= {"value": noise(1.0), "old_value": noise(1.0), "return": noise(1.0), "token_advantage": noise(1.0)}
    padded = {name: column * mask for name, column in padded.items()}
    prompts = responses // GROUP
    chance = torch.rand(prompts, generator=generator).repeat_interleave(GROUP)
    reward = (torch.rand(responses, generator=generator) < chance).float() + 0.1 * torch.randn(
        responses, generator=generator
    )
    names = [str(uuid.UUID(int=number)) for number in range(prompts)]
    rows = torch.arange(responses)
    step_of_token = rows[:, None].expand(-1, tokens)[mask]
    data = Data(
        mask.float(), numpy.array([names[row // GROUP] for row in range(responses)], dtype=object), reward, padded, None
    )  # type: ignore[arg-type]
    columns = {f"token.{name}": column[mask] for name, column in padded.items()}
    columns |= {"traj.reward": reward, "token.reward": data.token_rewards[mask]}
    batch = Batch.build(columns, step_of_token=step_of_token, traj_of_step=rows, group_of_traj=rows // GROUP)
    return Data(data.mask, data.uids, reward, padded, batch)


@dataclass(frozen=True)
class Case:
    """One function of verl and the pieces that say the same."""

    kind: str
    name: str
    theirs: Callable[[], tuple[Tensor, ...]]
    ours: Callable[[], tuple[Tensor, ...]]
    """The same numbers in the same order: scalars, or one per trained token."""
    target: float | None = None
    call: Callable[[], object] | None = None
    """What is timed, where it is less than ``ours``: the pieces alone, their column not spread to tokens."""


def advantages(data: Data, algos) -> list[Case]:
    """verl's estimators."""
    from verl.trainer.config import AlgoConfig

    token_rewards, config = data.token_rewards, AlgoConfig(gamma=1.0)
    plain = {"response_mask": data.mask, "config": config}
    grouped = {**plain, "index": data.uids}

    def theirs(name: str, **options: object) -> Callable[[], tuple[Tensor, ...]]:
        function = algos.get_adv_estimator_fn(name)
        return lambda: function(token_level_rewards=token_rewards, **options)[:1]

    def case(name: str, options: Mapping[str, object], *pieces: Transform, target: float | None = None) -> Case:
        def call() -> Batch:
            batch = data.batch
            for piece in pieces:
                batch = batch.with_columns(piece(batch))
            return batch

        ours = lambda: (call()["action.advantage"],)  # noqa: E731
        return Case("advantage", name, theirs(name, **options), ours, target, call)

    group_mean = Standardize(scale="none", singleton="raw")
    others = Standardize(center="leave_one_out", scale="none", singleton="raw")
    by_length = Standardize(scale="none", singleton="raw", weigh_by="action")
    gae_options = {"response_mask": data.mask, "values": data.padded["old_value"], "gamma": 0.99, "lam": 0.95}
    discounted = {"response_mask": data.mask, "config": AlgoConfig(gamma=0.99)}
    return [
        case("grpo", grouped, Standardize(singleton="raw"), target=FASTER),
        case("rloo", grouped, others, target=FASTER),
        case("opo", grouped, by_length, target=FASTER),
        case("reinforce_plus_plus_baseline", grouped, group_mean, Whiten(), target=FASTER),
        case("grpo_vectorized", grouped, Standardize(var_floor=1e-6, singleton="raw")),
        case("rloo_vectorized", grouped, Standardize(center="leave_one_out", scale="none")),
        case("reinforce_plus_plus", discounted, ReturnToGo(0.99), Whiten(), target=1.0),
        case("gae", gae_options, GAE(0.99, 0.95), Whiten(), target=1.0),
    ]


def losses(data: Data, algos) -> list[Case]:
    """verl's policy losses, its aggregations, its KL estimates and its critic's loss."""
    from verl.workers.config import ActorConfig

    advantage = data.padded["token_advantage"]
    width = data.mask.shape[1]
    batch = data.batch.with_columns({"token.advantage": data.batch["token.token_advantage"]})

    def config(**options: object) -> ActorConfig:
        return ActorConfig(strategy="fsdp", rollout_n=1, use_dynamic_bsz=True, **options)

    def theirs(function: Callable[[Tensor], Tensor], column: str) -> Callable[[], tuple[Tensor, ...]]:
        def run() -> tuple[Tensor, ...]:
            value = data.padded[column].clone().requires_grad_()
            loss = function(value)
            loss.backward()
            return loss.detach(), value.grad

        return run

    def ours(objective: Objective, column: str) -> Callable[[], tuple[Tensor, ...]]:
        def run() -> tuple[Tensor, ...]:
            value = batch[f"token.{column}"].clone().requires_grad_()
            prepared = objective.prepare(batch.with_columns({f"token.{column}": value}))
            loss, _ = objective(prepared, {})
            loss.backward()
            return loss.detach(), value.grad

        return run

    def policy(name: str, mode: str, aggregation: Aggregation, term: Term, *weights: Weight, **options: object) -> Case:
        function, settings = algos.get_policy_loss_fn(name), config(**options)
        old = data.padded["old_logprob"]
        call = lambda logprob: function(old, logprob, advantage, data.mask, mode, settings, None)[0]  # noqa: E731
        return Case(
            "loss", f"{name}, {mode}", theirs(call, "logprob"), ours(Objective(term, aggregation, weights), "logprob")
        )

    def kl(kind: str, term: KLPenalty) -> Case:
        ref = data.padded["ref_logprob"]
        call = lambda logprob: algos.agg_loss(algos.kl_penalty(logprob, ref, kind), data.mask, "token-mean")  # noqa: E731
        return Case("KL", kind, theirs(call, "logprob"), ours(Objective(term, TokenMean()), "logprob"))

    def critic(values: Tensor) -> Tensor:
        returns, old = data.padded["return"], data.padded["old_value"]
        return algos.compute_value_loss(values, returns, old, data.mask, 0.5, "token-mean")[0]

    cispo = ImportanceWeight("current", "old", low=0.8, high=1.2)
    gspo = PPOClip(clip_low=3e-4, clip_high=4e-4, dual_clip=None, ratio="sequence_token", log_ratio_bounds=(None, 10.0))
    small = {"clip_ratio_low": 3e-4, "clip_ratio_high": 4e-4}
    clip = PPOClip()
    return [
        policy("vanilla", "token-mean", TokenMean(), clip),
        policy("vanilla", "seq-mean-token-sum", SeqMeanTokenSum(), clip),
        policy("vanilla", "seq-mean-token-mean", SeqMeanTokenMean(), clip),
        policy("vanilla", "seq-mean-token-sum-norm", SumOverLength(width), clip),
        policy("gspo", "seq-mean-token-mean", SeqMeanTokenMean(), gspo, **small),
        policy("cispo", "token-mean", TokenMean(), Reinforce(), cispo),
        policy("sapo", "seq-mean-token-mean", SeqMeanTokenMean(), SAPO()),
        policy("gpg", "token-mean", TokenMean(), Reinforce()),
        *[kl(kind, KLPenalty(coef=1.0, estimator=kind)) for kind in ("k1", "abs", "k2", "k3")],
        kl("k3+", KLPenalty(coef=1.0, estimator="k3", straight_through=True)),
        Case("loss", "critic, clipped", theirs(critic, "value"), ours(Objective(ValueClip()), "value")),
    ]


def difference(case: Case, trained: Tensor) -> float:
    """Largest difference between the two sides, relative to the largest number where that exceeds 1."""
    worst = 0.0
    for their, our in zip(case.theirs(), case.ours(), strict=True):
        their = their[trained] if their.dim() else their
        worst = max(worst, float((their - our).abs().max() / their.abs().max().clamp(min=1)))
    return worst


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--responses", type=int, default=1024, help=f"a multiple of {GROUP}")
    parser.add_argument("--tokens", type=int, default=1024, help="longest response")
    parser.add_argument("--full", action="store_true", help="all responses are that long")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1, help="with 1, processor time is measured")
    add_options(parser)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.disable(logging.WARNING)
    from verl.trainer.ppo import core_algos as algos

    data = make(options.responses, options.tokens, options.full)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    rows, worst = [], 0.0
    for case in (*advantages(data, algos), *losses(data, algos)):
        apart = difference(case, data.trained)
        worst = max(worst, apart)
        ways = {"theirs": case.theirs, "ours": case.call or case.ours} | ({"spread": case.ours} if case.call else {})
        seconds = paired(ways, options.rounds, warm_up=2, clock=clock)
        against = f"verl, {quantity(median(seconds['theirs']), 's')}"
        faster = ratio(seconds["theirs"], seconds["ours"])
        note = f"largest difference {apart:.0e}"
        if case.call and (spread := ratio(seconds["theirs"], seconds["spread"]).value) < 0.9 * faster.value:
            note += f"; {spread:.3g} times with the spread to tokens"
        target = None if options.full else case.target
        rows.append(Row(f"{case.kind} {case.name}", median(seconds["ours"]), "s", faster, against, target, note=note))
    rows.append(Row("largest difference of all", worst, "", target=SAME, at_most=True))
    share = float(data.mask.mean())
    time_of = "processor time of 1 thread" if options.threads == 1 else f"{options.threads} threads"
    notes = [
        f"{options.responses:,} responses in groups of {GROUP}, up to {options.tokens:,} tokens: {share:.0%} of verl's "
        f"padded tensors are trained tokens; {time_of}. A ratio above 1: guerdon is faster. Losses are forward and "
        "backward."
    ]
    title = "Advantages and losses against verl" + (", all responses equally long" if options.full else "")
    part = "full" if options.full else ""
    return publish(__file__, title, rows, options, part=part, packages=("verl",), notes=notes)


if __name__ == "__main__":
    sys.exit(main())
