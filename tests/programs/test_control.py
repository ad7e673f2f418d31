from dataclasses import replace

import pytest

from guerdon.advantages.gae import GAE
from guerdon.advantages.whiten import Whiten
from guerdon.errors import GuerdonError
from guerdon.papers.ppo_control import RECIPE
from guerdon.programs.control import RecipeRunner
from guerdon.programs.program import Field, Program, RewardSpec
from guerdon.rollouts.fixed_steps import FixedSteps
from guerdon.update import Update

SPEC = RewardSpec({"angle": Field(low=-0.3, high=0.3), "push": Field(dtype="int64", low=0, high=1)})
FIELDS = {"angle": "step.next_observation[2]", "push": "step.action"}
RIGHT = "def compute_reward(push):\n    parts = {'right': 1.0 * push}\n    return parts['right'], parts\n"
SHORT = replace(
    RECIPE,
    rollout=FixedSteps(slots=4, horizon=32),
    advantage=(GAE(discount=0.0, lambda_=0.0), Whiten()),
    update=Update(lr=1e-2, epochs=4),
)


def test_a_run_gives_the_series_that_a_search_reads():
    trained = RecipeRunner(SHORT, FIELDS, steps=6, isolate=False)(Program(RIGHT, SPEC), 0)
    assert set(trained.series) == {"task_score", "right"}
    right = trained.series["right"]
    assert len(right) == 6 and right[0] < 0.7 and right[-1] > 0.9
    assert trained.policy is not None and trained.last < trained.series["task_score"][0]


def test_the_recipe_reads_the_program():
    runner = RecipeRunner(SHORT, FIELDS)
    recipe = runner.with_program(Program(RIGHT, SPEC))
    assert recipe.check() == [] and recipe.rewards[0].components == ("right",)
    assert recipe.rewards[0].isolate, "untrusted unless told otherwise"
    with pytest.raises(GuerdonError, match="at least 1"):
        RecipeRunner(SHORT, FIELDS, steps=0)
