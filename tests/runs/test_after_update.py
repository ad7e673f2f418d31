from dataclasses import dataclass, replace

import torch
from run_toys import ToySurrogate, language_recipe, toy_recipe
from test_folder import untimed

from guerdon import train
from guerdon.loop import Trainer
from guerdon.piece import SNAPSHOTS
from guerdon.runs.after_update import after_update
from guerdon.runs.folder import RunFolder
from guerdon.runs.reading import read_batch
from guerdon.update import Update


@dataclass(frozen=True)
class Silent(ToySurrogate):
    """A term that asks the policy for nothing."""

    reads = ("action.advantage",)


def trained(recipe):
    trainer = Trainer(recipe, steps=4, seed=1)
    batch, _ = trainer.train_step()
    return trainer, batch


def test_it_is_the_policy_as_the_update_left_it():
    trainer, batch = trained(toy_recipe(update=Update(lr=0.5)))
    found = after_update(trainer, batch)
    logprobs = trainer.policy.logits.detach()[batch["token.context"]].log_softmax(-1)
    torch.testing.assert_close(found["action.new_logprob"], logprobs.gather(1, batch["token.id"][:, None])[:, 0])
    torch.testing.assert_close(found["action.new_entropy"], -(logprobs.exp() * logprobs).sum(-1))
    assert not torch.allclose(found["action.new_logprob"], batch["action.behavior_logprob"], atol=1e-3)
    assert not found["action.new_logprob"].requires_grad and "new" not in SNAPSHOTS


def test_parts_of_a_batch_give_what_the_whole_gives():
    trainer, batch = trained(replace(language_recipe(), update=Update(lr=3e-3)))
    whole = after_update(trainer, batch)
    trainer.recipe = replace(trainer.recipe, update=Update(lr=3e-3, micro_batch=2))
    parts = after_update(trainer, batch)
    for name in ("action.new_logprob", "action.new_entropy"):
        torch.testing.assert_close(whole[name], parts[name])


def test_the_run_is_the_same_with_it_and_without(tmp_path):
    results = {}
    for each in (True, False):
        out = RunFolder(tmp_path / str(each), rollouts_every=1, after_update=each)
        results[each] = train(toy_recipe(), steps=5, seed=3, out=out)
    assert untimed(results[True].metrics) == untimed(results[False].metrics)
    assert torch.equal(results[True].policy.logits, results[False].policy.logits)
    assert "token.new_logprob" in read_batch(tmp_path / "True", 5).columns
    assert "token.new_logprob" not in read_batch(tmp_path / "False", 5).columns


def test_it_draws_from_no_generator_of_others():
    trainer, batch = trained(toy_recipe())
    state = torch.get_rng_state()
    after_update(trainer, batch)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_recipe_that_never_asks_for_log_probs_gets_nothing():
    trainer, batch = trained(toy_recipe())
    trainer.recipe = replace(trainer.recipe, objective=replace(trainer.recipe.objective, surrogate=Silent()))
    assert after_update(trainer, batch) is batch
