import torch

from guerdon.advantages.action_value import ActionValueAdvantage
from guerdon.batch import Batch
from guerdon.loop import Trainer
from guerdon.papers.iql import RECIPE


def test_numbers_by_hand():
    each = torch.arange(2)
    columns = {"step.old_target_q": torch.tensor([3.0, 1.0]), "step.old_value": torch.tensor([1.0, 2.0])}
    out = ActionValueAdvantage()(Batch.build(columns, traj_of_step=each, group_of_traj=each))
    assert out["action.advantage"].tolist() == [2, -1]


def test_in_a_run_it_is_the_agent_as_it_was_before_the_update():
    trainer = Trainer(RECIPE, steps=1)
    before = trainer.policy.frozen()
    batch, _ = trainer.train_step()
    out = before.evaluate(batch, frozenset({"action.target_q", "action.value"}))
    torch.testing.assert_close(batch["action.advantage"], (out["action.target_q"] - out["action.value"]).detach())
