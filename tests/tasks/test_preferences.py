import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.tasks.preferences import BradleyTerryPairs
from guerdon.tasks.problem import ProblemTask


def test_responses_and_rewards():
    task = BradleyTerryPairs(letters="ab", length=2)
    assert task.responses() == ("aa", "ab", "ba", "bb")
    assert len(set(task.rewards())) == 4
    assert task.rewards() == BradleyTerryPairs(letters="ab", length=2, pairs=7).rewards()
    assert task.rewards() != BradleyTerryPairs(letters="ab", length=2, seed=1).rewards()
    assert isinstance(task, ProblemTask)


def test_a_pair_is_always_the_same_and_never_of_one_response():
    task = BradleyTerryPairs()
    for number in range(50):
        problem = task.problem("train", number)
        assert problem == task.problem("train", number)
        assert problem.answer != problem.meta["rejected"]
        assert {problem.answer, problem.meta["rejected"]} <= set(task.responses())
    assert any(task.problem("train", number) != task.problem("test", number) for number in range(5))


def test_labels_follow_the_bradley_terry_model():
    task = BradleyTerryPairs(letters="ab", length=1, reward_std=2.0)
    first, second = task.rewards()
    chance = 1 / (1 + math.exp(second - first))
    share = sum(task.problem("train", number).answer == "a" for number in range(4000)) / 4000
    assert 0.05 < chance < 0.95
    assert share == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / 4000))


def test_score_is_the_reward_and_strangers_get_the_least():
    task = BradleyTerryPairs()
    problem = task.problem("train", 0)
    assert task.score(problem, "abc") == task.score_of("abc") == task.rewards()[task.responses().index("abc")]
    assert task.score(problem, "hello") == min(task.rewards())


def test_sizes():
    assert BradleyTerryPairs().size("train") == 5000 and BradleyTerryPairs(pairs=None).size("test") is None
    with pytest.raises(GuerdonError, match="two letters"):
        BradleyTerryPairs(letters="aa")
