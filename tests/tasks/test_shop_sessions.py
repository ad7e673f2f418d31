import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.shop_sessions import ShopSessions

TASK = ShopSessions(items=2)


def test_pay_is_what_the_scorer_gives():
    # Leave, click 0, click 1, search 0, search 1.
    torch.testing.assert_close(
        TASK.pay,
        torch.tensor(
            [
                [0.3, 0, 0, 0, 0],
                [0, 1000.5, 0.5, 0, 0],
                [0, 0.5, 1000.5, 0, 0],
                [0, 0, 0, 1000.6, 0.6],
                [0, 0, 0, 0.6, 1000.6],
            ]
        ),
    )
    assert torch.equal(ShopSessions(items=2, binary=True).pay, torch.eye(5))


def test_sessions_have_the_shares_and_the_policy_sees_the_item_only():
    kinds = torch.bincount(TASK.sessions[:, 1], minlength=5)
    assert kinds.tolist() == [24, 5, 5, 3, 3] and TASK.size("train") == 40
    batch = SampleTree(40, 4)(
        TASK, Tabular().build(TASK, frozenset(), Stream((0,))), lambda n: list(range(n)), Stream((1,))
    )
    of_traj = TASK.sessions[batch["traj.problem_id"]]
    assert torch.equal(batch["token.context"], of_traj[:, 0])
    assert torch.equal(batch["traj.reward/task"], TASK.pay[of_traj[:, 1], batch["token.id"]])


def test_rates():
    logits = torch.tensor([[0.5, 0.25, 0.05, 0.1, 0.1], [0.2, 0.2, 0.2, 0.2, 0.2]]).log()
    leave, right = TASK.rates(logits)
    assert leave == pytest.approx(0.35) and right == pytest.approx((0.7 + 0.5) / 2)


def test_bad_fields():
    with pytest.raises(GuerdonError, match="at least one session per item"):
        ShopSessions(leave=0, click=0, search=0)
    with pytest.raises(GuerdonError, match="text_weight must be at least 0"):
        ShopSessions(text_weight=-1.0)
