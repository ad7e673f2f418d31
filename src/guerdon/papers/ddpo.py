"""DDPO: Training Diffusion Models with Reinforcement Learning (Black et al., 2023).

Idea
    A diffusion model samples by a chain of Gaussian steps, so each step is an action with an exact log-prob and the
    reward of the finished sample trains all of them by a clipped policy gradient.
Maths
    A = clip((r - mean_prompt) / (std_prompt + 1e-6), -5, 5);  L = mean max(-A rho, -A clip(rho, 1 - 1e-4, 1 + 1e-4))
    with rho = exp(log p_new - log p_old) of one denoising step, log p averaged over dimensions.
Reads
    traj.reward, group.problem_id, action.logprob, action.old_logprob
Deviations
    A 20-step model of N(0, 1), reward x, lr 3e-3 without LoRA or guidance; the last, noiseless step is not trained.
    The prompt's buffer holds a whole batch (256), since there is one prompt. Without the clip (one minibatch, so that
    it cannot act) the same recipe runs off to rewards above 1,000 in 100 epochs: nothing but the clip holds it here.
"""

from dataclasses import replace

import torch

from guerdon.advantages.running import RunningStandardize
from guerdon.batch import Batch
from guerdon.loop import train
from guerdon.metrics.seeds import mean_interval
from guerdon.objective import Objective
from guerdon.objectives.denoising import NoiseRegression
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.policies.denoiser import Denoiser, ddim_step
from guerdon.recipe import Recipe
from guerdon.rewards.projection import Projection
from guerdon.rollouts.denoise import Denoise
from guerdon.rollouts.noising import NoisedData
from guerdon.shaping.clip import Clip
from guerdon.tasks.points import Points
from guerdon.update import Update

PRETRAIN = Recipe(
    objective=Objective(NoiseRegression()),
    task=Points(),
    policy=Denoiser(),
    rollout=NoisedData(),
    shaping=(),
    update=Update(lr=3e-3),
)
RECIPE = Recipe(
    objective=Objective(PPOClip(clip_low=1e-4, clip_high=1e-4, dual_clip=None)),
    task=PRETRAIN.task,
    policy=PRETRAIN.policy,
    rollout=Denoise(samples_per_problem=256),
    rewards=(Projection(),),
    advantage=(RunningStandardize(size=256), Clip(-5.0, 5.0, "traj.advantage")),
    update=Update(lr=3e-3, minibatches=4),
)
SCORE_FUNCTION = replace(
    RECIPE, objective=Objective(PPOClip(clip_low=None, clip_high=None, dual_clip=None)), update=Update(lr=3e-3)
)
SEEDS = 4


def flat_batch(**columns: torch.Tensor) -> Batch:
    """One step per trajectory, all of prompt 0."""
    count = len(next(iter(columns.values())))
    named = {name.replace("__", "."): column for name, column in columns.items()}
    return Batch.build(
        {**named, "group.problem_id": torch.zeros(1, dtype=torch.int64)},
        traj_of_step=torch.arange(count),
        group_of_traj=torch.zeros(count, dtype=torch.int64),
    )


@claim("a DDIM step with eta 1 is DDPM's posterior, with eta 0 it has no noise")
def step_is_posterior(seed: int) -> Evidence:
    """Largest error of mean and std over random steps, plus the largest std at eta 0."""
    noise = torch.Generator().manual_seed(seed)
    x, eps = torch.randn((2, 64, 3), generator=noise, dtype=torch.float64)
    levels = torch.rand((64, 2), generator=noise, dtype=torch.float64).sort(1).values * 0.98 + 0.01
    abar, after = levels[:, :1], levels[:, 1:]
    mean, std = ddim_step(x, eps, abar, after, eta=1.0)
    clean, alpha = (x - (1 - abar).sqrt() * eps) / abar.sqrt(), abar / after
    posterior = (after.sqrt() * (1 - alpha) * clean + alpha.sqrt() * (1 - after) * x) / (1 - abar)
    variance = (1 - after) / (1 - abar) * (1 - alpha)
    error = torch.maximum((mean - posterior).abs().max(), (std**2 - variance).abs().max())
    return Evidence(float(error + ddim_step(x, eps, abar, after, eta=0.0)[1].max()), 0.0, 1e-9, note="largest error")


@claim("a tracked prompt with rewards 1 and 3 has advantages -1 and 1")
def tracked_prompt(seed: int) -> Evidence:
    """Largest error of the two advantages."""
    piece = RunningStandardize(size=2, min_count=2)
    batch = flat_batch(traj__reward=torch.tensor([1.0, 3.0], dtype=torch.float64))
    low, high = map(float, piece(batch, piece.init_state())["traj.advantage"])
    return Evidence(max(abs(low + 1), abs(high - 1)), 0.0, 1.1e-6, note="eps is 1e-6")


@claim("on-policy the loss is minus the mean advantage, clipped at 5")
def on_policy_loss(seed: int) -> Evidence:
    """The loss for advantages 8, -1 and -9, which become 5, -1 and -5."""
    logprob = torch.tensor([-0.3, -1.0, 0.2], dtype=torch.float64)
    advantage = torch.tensor([8.0, -1.0, -9.0], dtype=torch.float64)
    batch = flat_batch(step__logprob=logprob, step__old_logprob=logprob, traj__advantage=advantage)
    batch = batch.with_columns(RECIPE.advantage[1](batch))
    loss, _ = RECIPE.objective(RECIPE.objective.prepare(batch), {})
    return Evidence(float(loss), 1 / 3 - 1e-6, 1 / 3 + 1e-6, note="loss; -(5 - 1 - 5) / 3")


@claim("100 epochs of 256 samples move the mean of a model of N(0, 1) from 0 to at least 1 for reward x", tier="proxy")
def reward_rises(seed: int) -> Evidence:
    """Mean reward of the last epoch over seeds."""
    first, last = [], []
    for number in range(SEEDS):
        model = train(PRETRAIN, steps=300, seed=seed + number).policy
        log = train(RECIPE, steps=100, seed=seed + number, policy=model).metrics
        first.append(log[0]["reward"])
        last.append(log[-1]["reward"])
    value, interval = mean_interval(last)
    start = mean_interval(first)[0]
    return Evidence(value, 1.0, 100.0, interval, f"mean reward over {SEEDS} seeds, {start:.2f} before")


paper = Paper(
    title="Training Diffusion Models with Reinforcement Learning",
    arxiv="2305.13301",
    kind="baseline",
    source="code",
    claims=(step_is_posterior, tracked_prompt, on_policy_loss, reward_rises),
    recipe=RECIPE,
    compositions={"pretrain": PRETRAIN, "score_function": SCORE_FUNCTION},
    year=2023,
    authors="Black, Janner, Du, Kostrikov, Levine",
)
