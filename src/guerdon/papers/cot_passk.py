"""RLVR Implicitly Incentivizes Correct Reasoning in Base LLMs: CoT-pass@k.

Idea
    A sample is solved only if its chain is right as well as its answer. Rewarding answers alone still favours right
    chains, because they lead to right answers more often.
Maths
    ``CoT-pass@k = 1 - C(n - d, k) / C(n, k)``, d samples with right chain and answer. With p = P(right chain), alpha and
    beta the chances of a right answer after a right and a wrong chain, ``mu = p alpha + (1-p) beta`` and
    ``sigma^2 = mu (1 - mu)``, GRPO's advantage is on average ``(1-p)(alpha-beta)/sigma`` on right chains and
    ``-p (alpha-beta)/sigma`` on wrong ones.
Reads
    Per sample whether the answer is right; for the metric also whether the chain is.
Deviations
    Recalled. The judge of chains is not part of this; its verdicts are counts here. The theorem is for infinite groups:
    the check takes a group whose shares are exactly the probabilities, and the population std.
"""

import dataclasses
import math
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.metrics.pass_at_k import pass_at_k
from guerdon.metrics.seeds import mean_interval
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import SEEDS, compare, finals
from guerdon.papers.passk import GRPO_TOY
from guerdon.policies.tabular import Tabular
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.chain_choice import RIGHT, ChainChoice
from guerdon.update import Update


def by_chain(right: tuple[int, int], wrong: tuple[int, int]) -> tuple[float, float]:
    """Mean advantage of right and of wrong chains in one group; (chains, right answers) of each kind."""
    rewards = [float(row < solved) for count, solved in (right, wrong) for row in range(count)]
    advantage = torch.as_tensor(Standardize(eps=0.0, ddof=0)(ragged([rewards]))["traj.advantage"])
    return float(advantage[: right[0]].mean()), float(advantage[right[0] :].mean())


@claim("With p = 0.4, alpha = 0.9, beta = 0.3 right chains get 0.722315 on average and wrong ones -0.481543")
def chains(seed: int) -> Evidence:
    good, bad = by_chain((40, 36), (60, 18))
    sigma = math.sqrt(0.54 * 0.46)
    errors = (good - 0.6 * 0.6 / sigma, bad + 0.4 * 0.6 / sigma, good - 0.722315, bad + 0.481543)
    return Evidence(max(map(abs, errors)), 0.0, 1e-6, note="largest error")


@claim("If a right chain does not help the answer, chains get no advantage")
def no_link(seed: int) -> Evidence:
    return Evidence(max(map(abs, by_chain((40, 20), (60, 30)))), 0.0, 1e-9, note="largest mean advantage")


@claim("Of 10 samples 5 have the right answer and 2 the right chain as well: pass@2 0.7778, CoT-pass@2 0.3778")
def both(seed: int) -> Evidence:
    error = max(abs(pass_at_k(10, 5, 2) - 7 / 9), abs(pass_at_k(10, 2, 2) - 17 / 45))
    return Evidence(error, 0.0, 1e-12, note="largest error")


def toy(after_right: float, after_wrong: float) -> list[float]:
    """Share of right chains after 200 steps of GRPO on answers alone, per seed; it starts at 0.2."""
    recipe = dataclasses.replace(
        GRPO_TOY,
        task=ChainChoice(after_right=after_right, after_wrong=after_wrong),
        policy=Tabular(),
        rollout=SampleTree(prompts=16),
        update=Update(lr=0.02),
    )
    return finals(recipe, 200, share)


def share(result: Result, task: Any) -> float:
    """Exact probability of a right chain, over prompts."""
    with torch.no_grad():
        rows = result.policy.rows(torch.arange(task.contexts))  # pyright: ignore[reportCallIssue]
    return float(rows.softmax(-1)[:, RIGHT].mean())


@claim("With alpha 0.9 and beta 0.3 right chains rise from 0.2 to over 0.9 though answers alone are paid", tier="proxy")
def incentive(seed: int) -> Evidence:
    return compare(toy(0.9, 0.3), [0.2] * len(SEEDS), "share of right chains after 200 steps, from 0.2", margin=0.7)


@claim("Where chains do not matter (0.6 and 0.6) their share stays within 0.1 of 0.2", tier="proxy")
def flat(seed: int) -> Evidence:
    mean, interval = mean_interval([after - 0.2 for after in toy(0.6, 0.6)])
    inside = interval[0] > -0.1 and interval[1] < 0.1
    note = f"change in the share of right chains after 200 steps, {len(SEEDS)} seeds"
    return Evidence(mean, -0.1, 0.1, interval, note, "confirmed" if inside else "not seen at this scale")


paper = Paper(
    title="Reinforcement Learning with Verifiable Rewards Implicitly Incentivizes Correct Reasoning in Base LLMs",
    arxiv="2506.14245",
    kind="analysis",
    source="recalled",
    year=2025,
    recipe=GRPO_TOY,
    claims=(chains, no_link, both, incentive, flat),
)
