"""What a recipe may ask for inside TRL; TRL itself is not needed for that."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from guerdon.advantages.return_to_go import ReturnToGo
from guerdon.advantages.standardize import Standardize
from guerdon.catalogue import load_paper
from guerdon.credit.last_action import LastAction
from guerdon.curricula.dynamic_sampling import DynamicSampling
from guerdon.curricula.stages import Stages
from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.group_bce import GroupBCE
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.value_clip import ValueClip
from guerdon.plugins import _trl_checks as checks
from guerdon.plugins import trl as plugin
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.kl_reward import KLReward
from guerdon.update import Update

GRPO = Recipe(Objective(PPOClip()), advantage=(Standardize(),))


@dataclass
class Arguments:
    """The arguments of TRL that the checks look at."""

    gradient_accumulation_steps: int = 2
    steps_per_generation: int = 4
    per_device_train_batch_size: int = 3
    generation_batch_size: int = 12
    num_generations: int = 4
    num_iterations: int = 1
    world_size: int = 1
    max_completion_length: int = 8
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float | None = None
    repetition_penalty: float = 1.0
    learning_rate: float = 1e-6
    use_vllm: bool = False
    use_liger_kernel: bool = False
    reward_weights: Any = None
    beta: float = 0.0
    epsilon: float = 0.2
    loss_type: str = "dapo"
    scale_rewards: str = "group"
    off_policy_mask_threshold: float | None = None
    extra: dict = field(default_factory=dict)


REFUSED = {
    "rollout (SampleTree) has no place inside TRL, which samples itself": (
        replace(GRPO, rollout=SampleTree()),
        {},
    ),
    "curriculum (Stages) has no place inside TRL, whose data loader picks": (replace(GRPO, curriculum=Stages()), {}),
    "reads a moving average of the policy": (
        replace(GRPO, objective=Objective(PPOClip(), regularizers=(KLPenalty(0.1, reference="ema"),))),
        {},
    ),
    "rewards.0 (Verifier) scores by the task's own rule, and there is no task": (
        replace(GRPO, rewards=(Verifier(),)),
        {},
    ),
    "reward_weights must be None with a recipe": (GRPO, {"reward_weights": [1.0]}),
    "must be a multiple of gradient_accumulation_steps": (GRPO, {"steps_per_generation": 3}),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_work_is_refused_with_the_name_of_the_piece(sentence):
    recipe, changes = REFUSED[sentence]
    with pytest.raises(GuerdonError) as refusal:
        checks.check_recipe(recipe, Arguments(**changes), "recipe", functions=False)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_critic_has_no_value_head_in_trl():
    recipe = replace(GRPO, objective=Objective(PPOClip(), regularizers=(ValueClip(),)))
    with pytest.raises(GuerdonError, match=r"regularizers.0 \(ValueClip\) reads 'action\.\w+'"):
        checks.check_reads(recipe, ["correct"], Arguments())


def test_a_loss_that_needs_whole_groups_needs_one_pass_in_one_process():
    recipe = replace(GRPO, objective=Objective(GroupBCE()))
    one = {"gradient_accumulation_steps": 1, "steps_per_generation": 1}
    checks.check_recipe(recipe, Arguments(**one), "recipe", functions=True)
    for changes in ({}, {**one, "world_size": 2}):
        with pytest.raises(GuerdonError, match="GroupBCE needs a whole group in one pass"):
            checks.check_recipe(recipe, Arguments(**changes), "recipe", functions=True)


def test_trls_loss_keeps_a_reference_only_with_a_penalty_of_its_own():
    recipe = replace(GRPO, shaping=(*GRPO.shaping, KLReward()))
    checks.check_recipe(recipe, Arguments(beta=0.1), "trl", functions=True)
    checks.check_recipe(recipe, Arguments(), "recipe", functions=True)
    with pytest.raises(GuerdonError, match="only if beta is not 0"):
        checks.check_recipe(recipe, Arguments(), "trl", functions=True)


def test_a_column_that_nothing_gives_is_named():
    recipe = replace(GRPO, filters=(DynamicSampling("traj.reward/correct"),))
    with pytest.raises(GuerdonError, match=r"filters.0 \(DynamicSampling\) reads 'traj.reward/correct'"):
        checks.check_reads(recipe, ["accuracy"], Arguments())
    checks.check_reads(recipe, ["correct"], Arguments())


def test_two_reward_functions_of_one_name_are_refused():
    with pytest.raises(GuerdonError, match="different names, got correct twice"):
        checks.check_reads(GRPO, ["correct", "correct"], Arguments())


@dataclass
class WithLiger:
    """A trainer class that would take Liger's way."""

    compute_liger_loss = None


def test_ligers_loss_is_refused_where_it_would_be_wrong_or_ignore_the_recipe():
    asked = Arguments(use_liger_kernel=True)
    with pytest.raises(GuerdonError, match="must be False with advantages per token: Liger's fused loss takes one per"):
        checks.check_liger(WithLiger, asked, "trl", per_token=True)
    with pytest.raises(GuerdonError, match="must be False with the recipe's loss"):
        checks.check_liger(WithLiger, asked, "recipe", per_token=False)
    checks.check_liger(WithLiger, asked, "trl", per_token=False)
    checks.check_liger(object, asked, "recipe", per_token=True)


def test_advantages_below_trajectories_are_seen():
    assert not checks.per_token(GRPO)
    assert checks.per_token(replace(GRPO, credit=(LastAction(),), advantage=(ReturnToGo(),)))


def test_settings_without_effect_and_with_another_meaning_are_said():
    per_token = replace(GRPO, credit=(LastAction(),), advantage=(ReturnToGo(),))
    told = list(checks.warnings(GRPO, Arguments(epsilon=0.3, scale_rewards="none"), "recipe"))
    assert told == ["scale_rewards, epsilon of GRPOConfig have no effect: the recipe decides that"]
    assert list(checks.warnings(GRPO, Arguments(epsilon=0.3), "trl")) == []
    odd = Arguments(off_policy_mask_threshold=0.1, loss_type="vespo")
    assert [word.partition(" ")[0] for word in checks.warnings(per_token, odd, "trl")] == [
        "off_policy_mask_threshold",
        "loss_type='vespo'",
    ]
    assert "samples no others" in next(checks.warnings(replace(GRPO, filters=(DynamicSampling(),)), Arguments(), "trl"))
    assert "RejectMismatch" in next(checks.warnings(GRPO, Arguments(use_vllm=True), "recipe"))


def test_a_recipe_that_reads_the_reference_makes_trl_keep_one():
    recipe = replace(GRPO, objective=Objective(PPOClip(), regularizers=(KLPenalty(0.04),)))
    given = Arguments()
    assert checks.keeps_reference(recipe, given).beta == 0.04 and given.beta == 0.0
    assert checks.keeps_reference(GRPO, given) is given


def test_the_samplers_log_probs_are_not_known_where_the_distribution_is_cut():
    recipe = load_paper("minirl").recipe
    if "action.behavior_logprob" not in recipe.reads():
        pytest.fail("the paper no longer reads the sampler's log-probs; take another")
    recipe = replace(recipe, rewards=())
    checks.check_reads(recipe, ["correct"], Arguments())
    with pytest.raises(GuerdonError, match="only from vLLM where top_p, top_k or min_p cut"):
        checks.check_reads(recipe, ["correct"], Arguments(top_p=0.9))


def test_a_trl_without_the_seams_is_refused():
    with pytest.raises(GuerdonError, match=r"needs a TRL whose GRPOTrainer has _prepare_inputs, .*, got 0\.1"):
        checks.check_seams(object, "0.1")


def test_settings_are_those_of_the_rollout_and_the_update():
    recipe = replace(
        GRPO,
        rollout=Sample(6, 4, Sampling(max_tokens=9, temperature=0.8)),
        update=Update(lr=2e-5, epochs=2, minibatches=3, micro_batch=4, warmup=5, max_grad_norm=None),
    )
    made = plugin.settings(recipe)
    assert (made["per_device_train_batch_size"], made["gradient_accumulation_steps"]) == (4, 2)
    assert (made["steps_per_generation"], made["num_iterations"], made["num_generations"]) == (6, 2, 4)
    assert (made["max_completion_length"], made["temperature"], made["learning_rate"]) == (9, 0.8, 2e-5)
    assert (made["lr_scheduler_type"], made["warmup_steps"], made["max_grad_norm"]) == ("constant_with_warmup", 5, 0.0)
    with pytest.raises(GuerdonError, match="TRL cuts evenly"):
        plugin.settings(replace(recipe, update=Update(minibatches=5)))
    with pytest.raises(GuerdonError, match="needs a recipe with the rollout Sample, got NoneType"):
        plugin.settings(GRPO)
