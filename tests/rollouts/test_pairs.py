import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.loop import Trainer
from guerdon.objective import Objective
from guerdon.objectives.preference import PairwisePreference
from guerdon.policies.tiny_lm import TinyLM
from guerdon.recipe import Recipe
from guerdon.rng import Stream
from guerdon.rollouts.pairs import Pairs
from guerdon.tasks.jsonl import JsonlProblems
from guerdon.tasks.preferences import BradleyTerryPairs
from guerdon.update import Update

TASK = BradleyTerryPairs(letters="ab", length=2)
SPEC = TinyLM(width=16, layers=1, heads=2)


def test_a_group_is_a_prompt_with_both_responses():
    policy = SPEC.build(TASK, frozenset(), Stream((0,)))
    batch = Pairs(pairs=2)(TASK, policy, lambda count: [3, 8], Stream((0,)))
    assert batch["traj.rank"].tolist() == [0, 1, 0, 1]
    assert batch["group.problem_id"].tolist() == [3, 8]
    problem = TASK.problem("train", 8)
    assert batch["traj.response"][2:] == [problem.answer, problem.meta["rejected"]]
    assert set(batch.columns) == set(Pairs.writes)
    # A token row is the token at its position, and the prompt's tokens are no rows.
    ids, row = batch["traj.input_ids"], batch.index("token", "traj")
    for token, position, traj in zip(batch["token.id"], batch["token.position"], row, strict=True):
        assert ids[int(traj)][int(position)] == token
    prompt = policy.encode_prompt(problem)
    assert ids[3].tolist() == [*prompt, *policy.tokenizer.encode(problem.meta["rejected"]), policy.tokenizer.eos_id]
    assert int((row == 3).sum()) == len(ids[3]) - len(prompt)


def test_any_file_of_pairs_will_do(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "p", "chosen": "yes", "rejected": "no"}\n')
    task = JsonlProblems(path=str(path), answer_field="chosen")
    batch = Pairs(pairs=1)(task, SPEC.build(task, frozenset(), Stream((0,))), lambda count: [0], Stream((0,)))
    assert batch["traj.response"] == ["yes", "no"]


def test_a_problem_without_a_rejected_response_is_named(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "p", "chosen": "yes", "worse": "no"}\n')
    task = JsonlProblems(path=str(path), answer_field="chosen")
    policy = SPEC.build(task, frozenset(), Stream((0,)))
    with pytest.raises(GuerdonError, match=r"text meta\['rejected'\], got problem .* and meta keys worse"):
        Pairs(pairs=1)(task, policy, lambda count: [0], Stream((0,)))
    assert Pairs(pairs=1, rejected="worse")(task, policy, lambda count: [0], Stream((0,)))["traj.response"][1] == "no"


@pytest.mark.parametrize("micro_batch", [2, 4])
def test_micro_batches_do_not_change_the_step(micro_batch: int):
    def after_two_steps(size: int | None) -> list[torch.Tensor]:
        recipe = Recipe(
            objective=Objective(PairwisePreference()),
            task=TASK,
            policy=SPEC,
            rollout=Pairs(pairs=8),
            shaping=(),
            update=Update(lr=1e-2, micro_batch=size),
        )
        trainer = Trainer(recipe, steps=2, policy=SPEC.build(TASK, frozenset(), Stream((0,))).double())
        _, first = trainer.train_step()
        assert first["loss"] == pytest.approx(0.6931471805599453, abs=1e-6)
        trainer.train_step()
        return [parameter.detach() for parameter in trainer.policy.parameters()]

    for whole, cut in zip(after_two_steps(None), after_two_steps(micro_batch), strict=True):
        torch.testing.assert_close(whole, cut, atol=1e-6, rtol=1e-6)
