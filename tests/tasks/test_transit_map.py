import itertools

import pytest

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.transit_map import TransitMap

TASK = TransitMap(questions=3, lines=4, stops=2, seed=1)


def test_every_question_has_one_right_route():
    plain = TransitMap(questions=3, lines=4, stops=2, seed=1, detail_weight=0.0)
    for problem, answer in plain.asked:
        paid = [w for w in itertools.product(range(plain.actions), repeat=3) if plain.score(problem, list(w)) > 0]
        assert paid == [tuple(answer)] and plain.score(problem, answer) == 10.0


def test_partial_credit_counts_lines():
    problem, answer = TASK.asked[0]
    assert TASK.score(problem, answer) == 14.5
    stop = TASK.names.index("S0-0")
    assert TASK.score(problem, [answer[0], stop, stop]) == 0.5 * (2 + 3 + 1)


def test_sampling_and_the_exact_chance():
    policy = Tabular().build(TASK, frozenset(), Stream((0,)))
    logits = policy.logits.detach()
    assert TASK.solved(logits) == pytest.approx(TASK.actions**-3)
    for row, name in enumerate(name for _, answer in TASK.asked for name in answer):
        logits[row, name] = 50.0
    assert TASK.solved(logits) == pytest.approx(1.0)
    batch = SampleTree(3, 4)(TASK, policy, lambda count: list(range(count)), Stream((1,)))
    assert batch["traj.reward/task"].tolist() == [14.5] * 12


def test_bad_fields():
    with pytest.raises(GuerdonError, match="3 or more lines"):
        TransitMap(lines=2)
