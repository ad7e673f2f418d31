import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.tasks.two_factors import TwoFactors


def test_good_actions_succeed_often_and_cost_more():
    chance, cost = TwoFactors(scale=10.0).tables()
    good = chance > 0.5
    assert good.sum(1).tolist() == [2] * 16
    assert bool((chance[good] >= 0.6).all()) and bool((chance[~good] <= 0.2).all())
    assert bool((cost[good] >= 5).all()) and bool((cost <= 15).all())
    torch.testing.assert_close(TwoFactors().tables()[1] * 10, cost)


def test_outcomes_follow_the_tables():
    task = TwoFactors(prompts=1)
    chance, cost = task.tables()
    prompt = torch.zeros(4000, dtype=torch.int64)
    action = torch.full((4000, 1), int(chance[0].argmax()))
    got = task.outcome(prompt, action, torch.ones_like(prompt), torch.Generator().manual_seed(0))
    success = torch.as_tensor(got["traj.reward/task"])
    assert abs(float(success.mean()) - float(chance.max())) < 0.03
    assert bool((torch.as_tensor(got["traj.reward/cost"]) == cost[0, action[0, 0]]).all())
    assert torch.equal(torch.as_tensor(got["traj.features"])[:, 0], success)


def test_bad_settings_are_refused():
    with pytest.raises(GuerdonError, match="1 <= good <= actions"):
        TwoFactors(good=9)
