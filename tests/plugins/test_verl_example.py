"""The example's settings are ones that verl has, and lead to guerdon."""

import os
import subprocess
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("verl.trainer.ppo.v1", reason="verl's trainers are not installed", exc_type=ImportError)
    import verl
    from hydra import compose, initialize_config_dir
    from verl.trainer.ppo import core_algos
    from verl.trainer.ppo.reward import get_custom_reward_fn
    from verl.trainer.ppo.v1 import get_trainer_cls
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    from guerdon.plugins import verl_loss, verl_recipe, verl_trainer

SCRIPT = Path(__file__).parents[2] / "examples" / "verl_gspo.sh"


@pytest.fixture
def config():
    files = {"MODEL": "model", "TRAIN": "train.parquet", "TEST": "test.parquet", "PRINT": "1"}
    more = "reward.custom_reward_function.reward_kwargs.reward=number"
    done = subprocess.run(
        ["bash", SCRIPT, more], env={**os.environ, **files}, capture_output=True, text=True, check=True
    )
    folder = Path(verl.__file__).parent / "trainer" / "config"
    with initialize_config_dir(config_dir=str(folder), version_base=None):
        return compose("ppo_trainer", overrides=done.stdout.splitlines())


@pytest.mark.filterwarnings("ignore")
def test_every_setting_is_one_of_verl_and_leads_to_guerdon(config):
    validate_config(config, use_reference_policy=False, use_critic=False)
    assert issubclass(get_trainer_cls(config.trainer.v1.trainer_mode), verl_trainer.Seam)
    assert core_algos.get_adv_estimator_fn(config.algorithm.adv_estimator).func.__module__ == "guerdon.plugins.verl"
    actor = omega_conf_to_dataclass(config.actor_rollout_ref.actor)
    assert core_algos.get_policy_loss_fn(actor.policy_loss.loss_mode).args == ("guerdon/gspo",)
    recipe = verl_recipe.recipe_of("gspo")
    assert verl_loss.aggregation(recipe.objective.aggregation, actor.loss_agg_mode, actor.loss_scale_factor) == 1.0
    assert verl_loss.inside(recipe.objective, actor) == recipe.objective
    score = get_custom_reward_fn(config)
    said = {"data_source": "x", "solution_str": "it is 4", "ground_truth": "4", "extra_info": {}}
    assert score(**said)["score"] == 1.0
