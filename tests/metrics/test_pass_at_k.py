from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.metrics.pass_at_k import bootstrap_mean, pass_at_k
from guerdon.rng import Stream


@settings(deadline=None)
@given(st.integers(1, 7), st.integers(0, 7), st.integers(1, 7))
def test_it_is_the_share_of_subsets_with_a_right_answer(samples: int, correct: int, k: int) -> None:
    if correct > samples or k > samples:
        with pytest.raises(GuerdonError, match="draw more samples"):
            pass_at_k(samples, correct, k)
        return
    right = [number < correct for number in range(samples)]
    subsets = list(combinations(right, k))
    assert pass_at_k(samples, correct, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_golden_numbers() -> None:
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert pass_at_k(4, 2, 2) == pytest.approx(5 / 6)
    assert pass_at_k(4, 0, 4) == 0.0 and pass_at_k(4, 4, 1) == 1.0


def test_the_interval_covers_the_mean_at_its_level() -> None:
    # 200 samples of 60 fair coins: a 95% interval misses 0.5 about 10 times; 4 standard errors are 12 more.
    missed = 0
    for trial in range(200):
        stream = Stream((trial, "coins"))
        generator = stream.generator()
        import torch

        coins = torch.randint(0, 2, (60,), generator=generator).tolist()
        low, high = bootstrap_mean(coins, stream, draws=400)
        missed += not low <= 0.5 <= high
    assert missed <= 22


def test_the_interval_repeats_and_collapses_on_equal_values() -> None:
    values = [0.0, 1.0, 1.0, 0.5]
    assert bootstrap_mean(values, Stream((1,))) == bootstrap_mean(values, Stream((1,)))
    assert bootstrap_mean([0.25] * 9, Stream((1,))) == (0.25, 0.25)
