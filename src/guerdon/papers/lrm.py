"""Large Reward Models: Generalizable Online Robot Reward Generation with Vision-Language Models.

Idea
    Ask a vision-language model three things about frames, which of two is later, how far along, finished or not, trained on
    videos that label themselves by their order, and use the sum as online reward.
Maths
    ``rewards/frame_reward.py``: ``r_t = w_c c_t + w_p (p_t - p_{t-k}) + w_d 1[first done]``, weights 1.
Reads
    ``step.order``, ``step.progress``, ``step.done_probability`` of a model.
Deviations
    Abstract only: weights, k and the swap rule are ours, and pairs are those at least ``gap`` apart. Rewards are not
    potential-based because of c_t. The toy has coordinates instead of rendered images, small networks instead of a VLM,
    the goal itself as completion, and a Q-learner from scratch instead of PPO from an imitation policy with a KL.
    The last two proxies are ours, after the first one had failed: see LOG.md.
"""

import dataclasses
from functools import cache

import torch

from guerdon.batch import Batch
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare
from guerdon.rewards.frame_reward import FrameReward, ordered_pairs
from guerdon.solvers.frame_heads import learn_heads, reach_grid, rewarded
from guerdon.solvers.mdp import FiniteMDP
from guerdon.solvers.q_learning import solve_by_q_learning
from guerdon.solvers.shaped_mdp import finish_probability

LRM = FrameReward(every=5, swap=True)
PROGRESS = FrameReward(order=0.0, completion=0.0)


def frames(piece: FrameReward) -> tuple[torch.Tensor, list[bool]]:
    """Reward and done of four frames."""
    answers = {"order": [0, 1, 1, -1], "progress": [0, 0.3, 0.6, 0.5], "done_probability": [0, 0, 0.9, 0.9]}
    columns = {f"step.{name}": torch.tensor(values, dtype=torch.float64) for name, values in answers.items()}
    zero = torch.zeros(4, dtype=torch.int64)
    got = piece(Batch.build(columns, traj_of_step=zero, group_of_traj=zero[:1]))
    return torch.as_tensor(got["step.reward/frames"]), torch.as_tensor(got["step.done"]).tolist()


@claim("Verdicts (0, 1, 1, -1), progress (0, .3, .6, .5) and done (0, 0, .9, .9) pay (0, 1.3, 2.3, -1.1); done latches")
def rewards_by_hand(seed: int) -> Evidence:
    reward, done = frames(FrameReward())
    error = float((reward - torch.tensor([0, 1.3, 2.3, -1.1])).abs().max())
    return Evidence(error if done == [False, False, True, True] else float("nan"), 0.0, 1e-6, note="largest error")


@claim("With progress alone the return is the last progress less the first; pairs hold both orders with opposite signs")
def progress_telescopes(seed: int) -> Evidence:
    reward, _ = frames(PROGRESS)
    pairs = set(ordered_pairs(4, 2, exact=True)) == {(0, 2, 1), (1, 3, 1), (2, 0, -1), (3, 1, -1)}
    error = abs(float(reward.sum()) - 0.5)
    return Evidence(error if pairs else float("nan"), 0.0, 1e-9, note="error of the return")


SIZE, GAMMA = 10, 0.95
ALL, NO_VERDICTS, GOAL_ALONE = (1.0, 1.0, 1.0), (0.0, 1.0, 1.0), (0.0, 0.0, 1.0)


@cache
def grids(weights: tuple[float, float, float]) -> list[tuple[FiniteMDP, FiniteMDP]]:
    """The grid and the same with learned rewards, for eight goals that no video showed."""
    goals = [SIZE * (SIZE // 2 + seed // 2) + SIZE // 2 + seed % 4 for seed in range(8)]
    plain = [reach_grid(SIZE, goal, GAMMA) for goal in goals]
    heads = [learn_heads(SIZE, goal, seed) for seed, goal in enumerate(goals)]
    return [
        (mdp, rewarded(mdp, head, SIZE, goal, weights)) for mdp, head, goal in zip(plain, heads, goals, strict=True)
    ]


def effort(weights: tuple[float, float, float]) -> list[float]:
    """Steps of a Q-learner until its greedy policy reaches the goal, at most 40,000."""
    learned = [mdp for _, mdp in grids(weights)]
    return [float(solve_by_q_learning(mdp, seed, episodes=400, limit=100).steps) for seed, mdp in enumerate(learned)]


def finishes(weights: tuple[float, float, float]) -> list[float]:
    """Whether the best policy of the learned reward reaches the goal within 200 steps."""
    return [finish_probability(mdp, other.optimal_q().argmax(1), 0, 200) for mdp, other in grids(weights)]


WHAT = "environment steps until the greedy policy reaches the goal, at most 40,000"


@claim("On goals that no video showed, Q-learning gets there in fewer steps than with the completion alone", "proxy")
def learns_faster(seed: int) -> Evidence:
    evidence = compare(effort(ALL), effort(GOAL_ALONE), WHAT, lower=True)
    each = ", ".join(f"{steps:.0f}" for steps in effort(ALL))
    return dataclasses.replace(evidence, note=f"{evidence.note}; by goal {each}")


@claim("So it does with progress and completion, without the verdicts", "proxy")
def progress_is_enough(seed: int) -> Evidence:
    return compare(effort(NO_VERDICTS), effort(GOAL_ALONE), WHAT, lower=True)


@claim("The verdicts make traps: the best policy of the reward without them finishes more often", "proxy")
def verdicts_trap(seed: int) -> Evidence:
    what = "goals that the best policy of the learned reward reaches, without the verdicts against with them"
    return compare(finishes(NO_VERDICTS), finishes(ALL), what)


paper = Paper(
    title="Large Reward Models: Generalizable Online Robot Reward Generation with Vision-Language Models",
    arxiv="2603.16065",
    kind="method",
    source="abstract",
    year=2026,
    compositions={"lrm": LRM, "progress": PROGRESS},
    claims=(rewards_by_hand, progress_telescopes, learns_faster, progress_is_enough, verdicts_trap),
)
