import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import batch_of

from guerdon import segment
from guerdon.errors import GuerdonError
from guerdon.shaping.potential import PotentialShaping


def batch(reward, now, following, ends):
    columns = {
        "step.reward": torch.tensor(reward, dtype=torch.float64),
        "step.potential": torch.tensor(now, dtype=torch.float64),
        "step.next_potential": torch.tensor(following, dtype=torch.float64),
        "step.terminated": torch.tensor(ends),
    }
    return batch_of([1], [len(reward)], columns=columns)


def test_by_hand():
    steps = batch([1, 0], [0.2, 0.4], [0.4, 0.8], [False, True])
    assert PotentialShaping(0.5)(steps)["step.reward"].tolist() == pytest.approx([1.0, -0.4])
    assert PotentialShaping(1.0, zero_at_end=False)(steps)["step.reward"].tolist() == pytest.approx([1.2, 0.4])


def test_a_cut_episode_keeps_its_last_potential_and_nan_stays_unscored():
    got = PotentialShaping(0.5)(batch([0, 0], [0.2, math.nan], [0.4, 0.8], [False, False]))["step.reward"]
    assert got[0].item() == pytest.approx(0.0) and math.isnan(got[1])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.floats(0, 1), st.integers(0, 1000))
def test_shaping_sums_to_minus_the_first_potential(lengths, discount, seed):
    count = sum(lengths)
    generator = torch.Generator().manual_seed(seed)
    phi = torch.randn(count, generator=generator, dtype=torch.float64)
    plain = batch_of([len(lengths)], lengths)
    index = plain.index("step", "traj")
    following = segment.shift(phi, index, len(lengths), fill=7.0)
    ends = segment.shift(torch.ones(count), index, len(lengths)) == 0
    columns = {"step.reward": torch.zeros_like(phi), "step.potential": phi}
    steps = plain.with_columns({**columns, "step.next_potential": following, "step.terminated": ends})
    total = segment.discounted_sum(PotentialShaping(discount)(steps)["step.reward"], index, len(lengths), discount)
    torch.testing.assert_close(total, -phi)


def test_bad_settings_are_refused():
    with pytest.raises(GuerdonError, match=r"PotentialShaping.discount must lie in \[0, 1\]"):
        PotentialShaping(1.5)
    with pytest.raises(GuerdonError, match="must be columns of steps"):
        PotentialShaping(reward="traj.reward")
