"""Recipes from flags."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon import overrides
from guerdon.curricula.uniform import Uniform
from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SumOverLength
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

RECIPE = Recipe(Objective(PPOClip()), task=TokenTree())


@pytest.mark.parametrize(
    ("flags", "recipe"),
    [
        (["--update.lr", "3e-4", "--update.epochs=2"], replace(RECIPE, update=Update(lr=3e-4, epochs=2))),
        (["--task.depth", "3"], replace(RECIPE, task=TokenTree(depth=3))),
        (["--policy", "tabular:init_std=0.5"], replace(RECIPE, policy=Tabular(init_std=0.5))),
        (["--task", "none"], replace(RECIPE, task=None)),
        (["--shaping.0.weights.task", "2"], replace(RECIPE, shaping=(WeightedSum({"task": 2}),))),
        (["--shaping.1", "WeightedSum"], replace(RECIPE, shaping=(WeightedSum(), WeightedSum()))),
        (["--shaping", "[]"], replace(RECIPE, shaping=())),
        (
            ["--objective.aggregation", "SumOverLength:4", "--objective.aggregation.per_trajectory", "false"],
            replace(RECIPE, objective=Objective(PPOClip(), SumOverLength(4, False))),
        ),
        (["--curriculum", '{"piece": "Uniform"}'], replace(RECIPE, curriculum=Uniform())),
    ],
)
def test_flags_change_a_recipe(flags, recipe):
    assert overrides.apply(RECIPE, overrides.pairs(flags)) == recipe


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (
            ["--updat.lr", "3"],
            "the recipe has no flag --updat.lr: Recipe has no field 'updat'; did you mean --update.lr?",
        ),
        (["--stpes", "3"], "the recipe has no flag --stpes: Recipe has no field 'stpes'; did you mean --steps?"),
        (["--update.lr"], "the flag --update.lr needs a value after it"),
        (["--update.lr", "--task"], "the flag --update.lr needs a value after it"),
        (["update.lr"], "a flag must begin with two dashes, got 'update.lr'"),
        (["--update.lr", "fast"], "update.lr must be float, got 'fast'"),
        (["--update.lr", "-1"], "Update.lr must be positive, got -1"),
        (["--update.decay", "log"], "update.decay must be 'constant' or 'linear' or 'cosine', got 'log'"),
        (["--shaping.2", "WeightedSum"], "shaping has 1 items, numbered from 0"),
        (["--shaping.x", "WeightedSum"], "shaping has 1 items, numbered from 0"),
        (["--update.lr.x", "1"], "update.lr is 0.001, which has no parts"),
        (["--shaping.0", "TokenMean"], "a transform must be one that guerdon has, got 'TokenMean'"),
        (["--objective.aggregation", "SumOverLength"], "SumOverLength needs a value for 'length'"),
        (["--shaping", "[3]"], "shaping must be list of Transform, got '[3]'"),
    ],
)
def test_a_bad_flag_is_refused_with_a_sentence(flags, sentence):
    with pytest.raises(GuerdonError) as refusal:
        overrides.apply(RECIPE, overrides.pairs(flags), others=("--steps",))
    assert sentence in str(refusal.value)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_every_flag_given_its_own_default_changes_nothing(data):
    listed = [flag for flag in overrides.flags(RECIPE) if not flag.swaps]
    chosen = data.draw(st.lists(st.sampled_from(listed), unique=True))
    assert overrides.apply(RECIPE, [(flag.path, flag.default) for flag in chosen]) == RECIPE


def test_flags_carry_type_default_and_the_line_under_the_field():
    flags = {flag.path: flag for flag in overrides.flags(RECIPE)}
    assert flags["update.lr"] == overrides.Flag("update.lr", "float", "0.001", "Peak learning rate.", False)
    assert flags["update.micro_batch"].type == "int or none" and flags["update.micro_batch"].default == "none"
    assert flags["task.depth"].doc == "D: tokens per response."
    assert flags["shaping.0"].swaps and flags["shaping.0"].default == "WeightedSum"
