import dataclasses

import pytest
import torch

from guerdon import Objective, Recipe
from guerdon.advantages.standardize import Standardize
from guerdon.errors import GuerdonError
from guerdon.loop import Result
from guerdon.objectives.nll import NLL
from guerdon.objectives.reinforce import Reinforce
from guerdon.papers._lm import (
    BYTES,
    COLON,
    END,
    SUMS,
    WORKED,
    Look,
    in_process,
    on_lm,
    pass_at,
    several,
    share,
    supervised,
    warm,
)
from guerdon.papers._proxy import finals
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rewards.function import Function
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.windowed import WindowedSample
from guerdon.tasks.modular_sum import ModularSum

SMALL = TinyLM(width=16, layers=1, heads=2)
TASK = ModularSum(modulus=3)
CHARACTERS = Function("guerdon.papers._lm:characters", guard=Guard(isolate=False))
RECIPE = Recipe(
    rewards=(Verifier(), CHARACTERS), advantage=(Standardize(),), objective=Objective(Reinforce()), task=WORKED
)


def weights(policy):
    return torch.cat([parameter.detach().flatten() for parameter in policy.parameters()])


def test_a_start_is_trained_once_and_handed_out_as_copies():
    first, second = supervised(TASK, 3, 0, SMALL), supervised(TASK, 3, 0, SMALL)
    before = weights(second)
    assert first is not second and torch.equal(weights(first), before)
    with torch.no_grad():
        first.head()[0].zero_()
    assert torch.equal(weights(second), before) and torch.equal(weights(supervised(TASK, 3, 0, SMALL)), before)
    assert not torch.equal(weights(supervised(TASK, 3, 1, SMALL)), before)
    assert not torch.equal(weights(supervised(TASK, 0, 0, SMALL)), before)


def test_supervised_training_learns_the_answers():
    measure = pass_at(1, Look(split="train"))
    assert measure(Result(supervised(TASK, 120, 0, SMALL)), TASK) > 0.4
    assert measure(Result(supervised(TASK, 0, 0, SMALL)), TASK) < 0.1


def test_both_arms_start_from_the_same_weights_and_steps_count():
    recipe = on_lm(dataclasses.replace(RECIPE, objective=Objective(NLL())), TASK, prompts=2, samples=2, max_tokens=3)
    measure, rows = several(lambda result, task: float(weights(result.policy).sum()), pass_at(1, Look(samples=2)))
    start = warm(3, SMALL)
    untouched = finals(recipe, 0, measure, (0, 1), start=start)
    assert untouched == [
        float(weights(supervised(dataclasses.replace(TASK, seed=s), 3, s, SMALL)).sum()) for s in (0, 1)
    ]
    assert finals(recipe, 2, measure, (0, 1), start=start) != untouched
    assert finals(recipe, 0, measure, (0, 1), start=start) == untouched
    assert len(rows) == 6 and all(len(row) == 2 for row in rows)


def test_a_start_may_come_from_another_task():
    other = ModularSum(modulus=4)
    ours = weights(warm(2, SMALL, task=other)(TASK, 0))
    assert torch.equal(ours, weights(supervised(other, 2, 0, SMALL)))


def test_recipes_are_made_small_and_score_in_this_process():
    recipe = on_lm(RECIPE, SUMS, prompts=4, samples=2, max_tokens=5)
    assert recipe.task == SUMS and (recipe.rollout.prompts, recipe.rollout.samples_per_prompt) == (4, 2)
    assert recipe.rollout.sampling.max_tokens == 5 and recipe.update.minibatches == 1
    assert recipe.rewards == (Verifier(guard=Guard(isolate=False)), CHARACTERS)
    assert in_process(CHARACTERS) is CHARACTERS
    with pytest.raises(GuerdonError, match="on_lm needs a recipe that samples responses, got rollout WindowedSample"):
        on_lm(dataclasses.replace(RECIPE, rollout=WindowedSample()), SUMS)


def test_looking_at_responses():
    policy = supervised(TASK, 3, 0, SMALL)
    groups = Look(problems=3, samples=2, max_tokens=4)(policy, TASK)
    assert [len(group) for group in groups] == [2, 2, 2]
    assert [group[0][0] for group in groups] == [TASK.problem("test", number) for number in range(3)]
    assert share(lambda problem, text: True)(Result(policy), TASK) == 1
    assert groups == Look(problems=3, samples=2, max_tokens=4)(policy, TASK)


def test_ids_of_the_bench_are_those_of_its_tokenizers():
    tokenizer = supervised(WORKED, 0, 0, SMALL).tokenizer
    assert (tuple(tokenizer.encode(":")), (tokenizer.eos_id,)) == (COLON, END)
    assert tokenizer.encode("4:1") == BYTES.encode("4:1")
