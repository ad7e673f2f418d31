import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.solvers.mode_flow import mode_flow


def test_the_most_accurate_mode_wins():
    path = mode_flow([0.5, 0.3, 0.2], [0.2, 0.5, 0.4], 2.0, 400)
    assert path.shape == (401, 3) and path[0].tolist() == pytest.approx([0.5, 0.3, 0.2])
    assert float(path[-1, 1]) > 0.9
    torch.testing.assert_close(path.sum(1), torch.ones(401, dtype=torch.float64))


def test_one_step_by_hand():
    """Mean accuracy 0.6: dz = (0.5 * 0.5 * 0.4, -0.5 * 0.5 * 0.4) = +-0.1."""
    path = mode_flow([0.5, 0.5], [1.0, 0.2], 0.5, 1)
    assert float(path[1, 0] / path[1, 1]) == pytest.approx(torch.tensor(0.2).exp().item())


def test_a_frequent_mode_is_ahead_for_long_and_equal_accuracies_do_not_drift():
    path = mode_flow([0.98, 0.02], [0.5, 0.6], 1.0, 2000)
    assert float(path[50, 1]) < 0.05 and float(path[2000, 1]) > 0.9
    torch.testing.assert_close(mode_flow([0.7, 0.3], [0.4, 0.4], 1.0, 50)[-1].tolist(), [0.7, 0.3])


def test_the_flow_is_the_gradient_of_the_success_probability():
    z = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    accuracy = torch.tensor([0.2, 0.9, 0.5], dtype=torch.float64)
    (slope,) = torch.autograd.grad((z.softmax(0) * accuracy).sum(), z)
    path = mode_flow(z.detach().softmax(0).tolist(), accuracy.tolist(), 1e-6, 1)
    moved = (path[1].log() - path[0].log()) / 1e-6
    torch.testing.assert_close(moved - moved.mean(), slope - slope.mean(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("shares", "accuracies"), [([], []), ([1.0], [0.5, 0.5]), ([1.0, 0.0], [0.1, 0.2])])
def test_bad_input(shares, accuracies):
    with pytest.raises(GuerdonError, match="a positive share and an accuracy per mode"):
        mode_flow(shares, accuracies, 1.0, 1)
