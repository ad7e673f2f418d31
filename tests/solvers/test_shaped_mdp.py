import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.solvers.mdp import FiniteMDP
from guerdon.solvers.shaped_mdp import finish_probability, progress_chain, shaped


@given(st.integers(0, 10_000))
def test_shaping_moves_every_q_by_the_potential(seed):
    generator = torch.Generator().manual_seed(seed)
    law = torch.rand((4, 2, 5), generator=generator, dtype=torch.float64)
    law = law / law.sum(2, keepdim=True)
    mdp = FiniteMDP(law[..., :4], torch.randn((4, 2), generator=generator, dtype=torch.float64), 0.9)
    phi = torch.randn(4, generator=generator, dtype=torch.float64)
    policy = torch.rand((4, 2), generator=generator, dtype=torch.float64).softmax(1)
    torch.testing.assert_close(shaped(mdp, phi).policy_q(policy), mdp.policy_q(policy) - phi[:, None])
    torch.testing.assert_close(shaped(mdp, phi).optimal_q(), mdp.optimal_q() - phi[:, None])


def test_the_plain_difference_by_hand():
    chain, progress = progress_chain(2, 0.5, 0.9)
    # stay, back, on: from cell 0 on gains 1/2; from cell 1 back loses 1/2, on is 1/2 x (1 - 1/2) + 1/2 x (0 - 1/2) + 1/2.
    want = torch.tensor([[0.0, 0.0, 0.5], [0.0, -0.5, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(shaped(chain, progress, discount=1.0, end=1.0).reward, want)


def test_a_chain_finishes_by_hand():
    chain, _ = progress_chain(2, 0.5, 0.9)
    on = torch.tensor([2, 2])
    assert [finish_probability(chain, on, 0, steps) for steps in (1, 2, 4)] == [0.0, 0.5, 0.75]
    assert finish_probability(chain, torch.tensor([0, 2]), 0, 50) == 0.0


def test_what_does_not_fit_is_refused():
    chain, progress = progress_chain(3, 1.0, 0.9)
    with pytest.raises(GuerdonError, match="shaped needs one potential per state"):
        shaped(chain, progress[:2])
    with pytest.raises(GuerdonError, match="progress_chain needs 1 or more cells"):
        progress_chain(0, 0.5, 0.9)
