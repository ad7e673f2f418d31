import torch

from guerdon.papers._bench import ragged
from guerdon.rewards.repetition import Repetition, repeats


def test_short_responses_count_pairs():
    assert repeats([1, 2, 3, 1, 2, 4, 5, 6, 7, 8, 9, 10])
    # The same pair, four apart where a third of the length is less.
    assert not repeats([1, 2, 3, 4, 1, 2, 5, 6, 7])


def test_one_symbol_is_no_repetition():
    assert not repeats([7] * 25) and not repeats([])


def test_a_doubled_gram_counts_at_any_distance():
    fresh = list(range(100, 118))
    assert repeats([1, 2, 3, 4, *fresh, 1, 2, 3, 4])
    assert not repeats([1, 2, 3, *fresh, 1, 2, 3, 50])


def test_long_responses_need_three():
    fresh = iter(range(1000, 2000))
    take = lambda n: [next(fresh) for _ in range(n)]  # noqa: E731
    twice = [1, 2, 3, 4, *take(20), 1, 2, 3, 4, *take(200)]
    thrice = [*twice[:100], 1, 2, 3, 4, *take(100)]
    assert not repeats(twice) and repeats(thrice)


def test_per_trajectory():
    batch = ragged([[0, 0, 0]], [4, 0, 6], {"token.id": torch.tensor([1, 2, 1, 2, 1, 2, 3, 4, 5, 6])})
    assert Repetition()(batch)["traj.repeats"].tolist() == [False, False, False]
    batch = ragged([[0, 0]], [9, 6], {"token.id": torch.tensor([1, 2, 1, 2, 1, 2, 1, 2, 1, 1, 2, 3, 4, 5, 6])})
    assert Repetition()(batch)["traj.repeats"].tolist() == [True, False]
