"""Recipes inside TRL against guerdon's own loop on the same generations: advantages, losses, gradients."""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl", reason="needs TRL: pip install 'guerdon[trl]'")

import trl_toys as toys

from guerdon import segment
from guerdon.advantages.running import RunningStandardize
from guerdon.advantages.standardize import Standardize
from guerdon.catalogue import load_paper
from guerdon.credit.entropy_clip import EntropyClip
from guerdon.credit.log_entropy import LogEntropy
from guerdon.curricula.dynamic_sampling import DynamicSampling
from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum, TokenMean
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.group_bce import GroupBCE
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.row_weight import MaskWhere
from guerdon.plugins import trl as plugin
from guerdon.recipe import Recipe
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.shaping.overlong import OverlongPenalty
from guerdon.shaping.weighted_sum import WeightedSum

# TRL and transformers warn each other's callers; which warnings are ours is tested in test_trl_checks.py.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")

VERIFIER = Verifier(guard=Guard(isolate=False))
GRPO = Recipe(Objective(PPOClip(), TokenMean()), task=toys.Sums(), rewards=(VERIFIER,), advantage=(Standardize(),))


def of(paper: str, composition: str, **changes: Any) -> Recipe:
    """A paper's recipe on the toy task, its rule called in this process."""
    recipe = load_paper(paper).compositions[composition]
    return replace(recipe, **{"task": toys.Sums(), "rewards": (VERIFIER, *recipe.rewards[1:]), **changes})


@dataclass(frozen=True)
class Silent(toys.Sums):
    """Problems of which every second one cannot be scored at all."""

    def score(self, problem, response):
        return None if problem.id % 2 else super().score(problem, response)


@dataclass(frozen=True)
class Chat(toys.Sums):
    """The same problems as messages."""

    def problem(self, split, number):
        problem = super().problem(split, number)
        return replace(problem, prompt=({"role": "user", "content": problem.prompt},))


RECIPES = {
    "grpo": GRPO,
    "grpo_paper": of("grpo", "paper"),
    "grpo_normalize_then_sum": of("grpo", "trl_normalize_then_sum"),
    "dr_grpo": of("dr_grpo", "trl"),
    "dapo": of(
        "dapo",
        "verl",
        rewards=(replace(VERIFIER, name="correct"), OverlongPenalty(8, 4)),
        filters=(DynamicSampling("traj.reward/correct"),),
    ),
    "dapo_masked": of("dapo", "trl"),
    "rloo": of("rloo", "verl"),
    "rloo_one_action": of("rloo", "trl"),
    "gspo": of("gspo", "trl"),
    "reinforce_pp": of("reinforce_pp", "verl"),
    "entropy_clip": replace(
        GRPO,
        credit=(LogEntropy(), EntropyClip()),
        objective=Objective(
            PPOClip("action.clip_low", "action.clip_high", dual_clip=None),
            SeqMeanTokenMean(),
            regularizers=(EntropyBonus(0.01), KLPenalty(0.1)),
        ),
    ),
    "several_rewards": replace(
        GRPO,
        rewards=(VERIFIER, OverlongPenalty(8, 6)),
        shaping=(WeightedSum({"correct": 2.0, "overlong": 0.5}),),
        advantage=(Standardize(center="leave_one_out", scale="none"), MaskWhere("traj.truncated")),
        objective=Objective(PPOClip(ratio="sequence_token"), SeqMeanTokenSum(), weights=(ImportanceWeight(),)),
    ),
    "running": replace(GRPO, advantage=(RunningStandardize(size=4, min_count=2),)),
    "silent_groups": replace(GRPO, task=Silent()),
    "chat": replace(GRPO, task=Chat()),
}


def run(recipe: Recipe, folder: Any, loss: str = "recipe", rollout_func: Any = None, **changes: Any) -> Any:
    more = {} if rollout_func is None else {"rollout_func": rollout_func}
    trainer = toys.recorder(plugin.RecipeTrainer)(
        model=toys.model(folder=folder / "model"),
        recipe=recipe,
        loss=loss,
        args=toys.arguments(folder, **changes),
        train_dataset=plugin.dataset(recipe.task or toys.Sums()),
        processing_class=toys.tokenizer(),
        **more,
    )
    trainer.train()
    return trainer


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_the_same_inside_trl_and_in_its_own_loop(name, tmp_path):
    try:
        trainer = run(RECIPES[name], tmp_path)
    except GuerdonError as refusal:
        # Older versions compute entropies without a gradient.
        assert name == "entropy_clip" and "gives entropies without a gradient" in str(refusal)
        pytest.skip(str(refusal))
    toys.compare(trainer, RECIPES[name])


WAYS = {
    "one_pass": {"per_device_train_batch_size": 12, "gradient_accumulation_steps": 1, "steps_per_generation": 1},
    "accumulated": {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 6, "steps_per_generation": 6},
    "twice": {"num_iterations": 2},
    "four_steps": {"gradient_accumulation_steps": 1},
    "warm": {"temperature": 0.7},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["grpo_paper", "gspo", "dapo"])
def test_so_it_is_however_trl_cuts_a_generation(name, way, tmp_path):
    toys.compare(run(RECIPES[name], tmp_path, **WAYS[way]), RECIPES[name])


def test_a_loss_over_whole_groups_takes_one_pass(tmp_path):
    recipe = replace(GRPO, objective=Objective(GroupBCE()), advantage=())
    toys.compare(run(recipe, tmp_path, **WAYS["one_pass"]), recipe)


def test_what_trl_masks_is_masked(tmp_path):
    recipe = replace(GRPO, advantage=(Standardize(), MaskWhere("traj.truncated")))
    trainer = run(GRPO, tmp_path, mask_truncated_completions=True)
    toys.compare(trainer, recipe)
    assert any(ids[-1] != 1 for seen in trainer.history for ids in seen.completions)


def two_turns(prompts, trainer):
    """A rollout of two turns with two tokens of an environment between them, its log-probs off by a little."""
    generator = torch.Generator().manual_seed(trainer.state.global_step)
    completions = [torch.randint(3, 17, (7,), generator=generator).tolist() for _ in prompts]
    return {
        "prompt_ids": [trainer.processing_class(prompt)["input_ids"] for prompt in prompts],
        "completion_ids": completions,
        "logprobs": [[-2.0] * 7 for _ in prompts],
        "env_mask": [[1, 1, 1, 0, 0, 1, 1] for _ in prompts],
    }


def test_tokens_of_an_environment_are_no_rows_and_turns_are_steps(tmp_path):
    recipe = replace(GRPO, objective=Objective(PPOClip(), TokenMean(), weights=(ImportanceWeight(),)))
    trainer = run(recipe, tmp_path, rollout_func=two_turns, max_steps=2)
    batch, window = trainer.batch, trainer._bridge.windows[0]
    assert batch.up(torch.ones(60), segment.sum, "token", "traj").tolist() == [5.0] * 12
    assert batch.up(torch.ones(24), segment.sum, "step", "traj").tolist() == [2.0] * 12
    assert set(batch["token.behavior_logprob"].tolist()) == {-2.0}
    assert bool((window["token.loss_weight"] == 1 / 30).all())
    assert all(float(gradient["lm_head.weight"].abs().max()) > 0 for gradient in trainer.history[0].gradients)


def test_two_processes_are_one_loss(tmp_path):
    code = f"import test_trl, pathlib; test_trl.in_one_of_two({str(tmp_path)!r})"
    command = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    script = tmp_path / "run.py"
    script.write_text(code)
    done = subprocess.run(
        [*command, str(script)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("the same") == 2


def in_one_of_two(folder: str) -> None:
    """What each of the processes runs: 12 rows between them, in two optimizer steps of two passes."""
    recipe = RECIPES["dapo"]
    trainer = run(recipe, Path(folder), per_device_train_batch_size=2, steps_per_generation=4, num_generations=4)
    toys.compare(trainer, recipe)
    print("the same")
