"""What suits a task."""

from dataclasses import replace

import pytest

from guerdon.advantages.standardize import Standardize
from guerdon.catalogue import pieces
from guerdon.companions import COMPANIONS, PROBLEMS, completed
from guerdon.objective import Objective
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.piece import TaskSpec
from guerdon.policies.tabular import Tabular
from guerdon.policies.tiny_lm import TinyLM
from guerdon.recipe import Recipe
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.rollouts.meta_weight import MetaWeight
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.rollouts.with_stored import WithStored
from guerdon.scorers.format import Tags
from guerdon.specs import find_recipe
from guerdon.tasks.problem import ProblemTask
from guerdon.tasks.reasoning_gym import ReasoningGym
from guerdon.tasks.token_tree import TokenTree

OPEN = Recipe(Objective(PPOClip()), advantage=(Standardize(),))


def test_what_a_recipe_leaves_open_suits_its_task():
    tree, notes = completed(replace(OPEN, task=TokenTree()))
    assert (tree.policy, tree.rollout, tree.rewards, notes) == (Tabular(), SampleTree(), (), [])
    problems, notes = completed(replace(OPEN, task=ReasoningGym("chain_sum")))
    assert (problems.policy, problems.rollout, problems.rewards, notes) == (TinyLM(), Sample(), (Verifier(),), [])
    assert completed(OPEN) == (OPEN, [])


def test_what_a_recipe_says_stays():
    chosen = replace(OPEN, task=TokenTree(), policy=Tabular(init_std=0.5), rollout=SampleTree(prompts=3))
    assert completed(chosen) == (chosen, [])


def test_a_verifier_is_added_only_where_a_reward_is_read_and_none_is_made():
    task = ReasoningGym("chain_sum")
    supervised = Recipe(Objective(NLL()), task=task, rollout=Demonstrations(), shaping=())
    assert completed(supervised)[0].rewards == ()
    assert completed(replace(OPEN, task=task, rewards=(Scored(Tags()),)))[0].rewards == (Scored(Tags()),)


def test_a_rollout_of_another_family_is_exchanged_with_a_word():
    written = replace(OPEN, task=TokenTree(), rollout=Sample(), rewards=(Verifier(),))
    recipe, notes = completed(written)
    assert (recipe.rollout, recipe.rewards) == (SampleTree(reward="correct"), ())
    assert notes == [
        "Sample does not sample TokenTree: the rollout is SampleTree",
        "Verifier scores text, so it is left out: TokenTree brings its own reward",
    ]
    back, notes = completed(replace(recipe, task=ReasoningGym("chain_sum")))
    assert (back.policy, back.rollout, back.rewards, len(notes)) == (TinyLM(), Sample(), (Verifier(),), 2)


def test_inside_a_rollout_that_wraps_another_the_innermost_one_is_exchanged():
    wrapped = MetaWeight(WithStored(Sample()), (Verifier(),), rate=2.0)
    recipe, notes = completed(replace(OPEN, task=TokenTree(), rollout=wrapped, rewards=(Verifier(),)))
    assert recipe.rollout == MetaWeight(WithStored(SampleTree(reward="correct")), rate=2.0) and recipe.rewards == ()
    assert notes[0] == "Sample does not sample TokenTree: the rollout is SampleTree"
    assert completed(recipe) == (recipe, [])


def test_every_task_has_companions():
    tasks = {name for name, cls in pieces().items() if issubclass(cls, TaskSpec) and not issubclass(cls, ProblemTask)}
    assert tasks == set(COMPANIONS), "a task that is not made of problems needs a line in companions.py"


def test_the_companions_are_pieces():
    names = {name for each in [*COMPANIONS.values(), PROBLEMS] for some in each for name in some}
    assert names | set(COMPANIONS) <= set(pieces())


@pytest.mark.parametrize("paper_id", ["grpo", "rloo", "dapo", "gspo", "ppo", "laser"])
def test_papers_for_prompts_train_on_a_tree(paper_id):
    completed(replace(find_recipe(paper_id), task=TokenTree()))[0].check()
