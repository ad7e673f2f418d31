"""What the trainer shows, keeps and refuses, with TRL itself."""

import inspect
import runpy
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl", reason="needs TRL: pip install 'guerdon[trl]'")

import trl_toys as toys
from trl import GRPOTrainer

from guerdon.advantages.return_to_go import ReturnToGo
from guerdon.advantages.running import RunningStandardize
from guerdon.advantages.standardize import Standardize
from guerdon.credit.last_action import LastAction
from guerdon.credit.log_entropy import LogEntropy
from guerdon.curricula.dynamic_sampling import DynamicSampling
from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.row_weight import MaskWhere
from guerdon.plugins import trl as plugin
from guerdon.plugins._trl_bridge import Bridge
from guerdon.recipe import Recipe
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.shaping.overlong import OverlongPenalty
from guerdon.shaping.weighted_sum import WeightedSum

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")

VERIFIER = Verifier(guard=Guard(isolate=False))
GRPO = Recipe(Objective(PPOClip()), task=toys.Sums(), rewards=(VERIFIER,), advantage=(Standardize(),))
PER_TOKEN = replace(GRPO, credit=(LastAction(),), advantage=(ReturnToGo(discount=0.9),))


def digits(completions, **given):
    """A reward function as TRL's users write them."""
    return [None if text == "" else float(sum(letter.isdigit() for letter in text)) for text in completions]


def build(recipe: Any, folder: Any, base: Any = None, **options: Any) -> Any:
    names = ("reward_funcs", "loss", "eval_dataset", "answer")
    chosen = {name: options.pop(name) for name in names if name in options}
    task = toys.Sums() if isinstance(recipe, str) else recipe.task or toys.Sums()
    return (base or plugin.RecipeTrainer)(
        model=toys.model(),
        recipe=recipe,
        args=toys.arguments(folder, **options),
        train_dataset=plugin.dataset(task),
        processing_class=toys.tokenizer(),
        **chosen,
    )


def test_logs_and_the_completion_table_show_guerdons_numbers(tmp_path):
    import pandas

    recipe = replace(
        GRPO,
        rewards=(VERIFIER, OverlongPenalty(8, 6)),
        shaping=(WeightedSum({"overlong": 3.0}),),
        advantage=(Standardize(center="leave_one_out", scale="none"),),
    )
    trainer = build(recipe, tmp_path, toys.recorder(plugin.RecipeTrainer), max_steps=2, log_completions=True)
    trainer.train()
    batch, first = trainer.batch, trainer.state.log_history[0]
    reward, scored = batch["traj.reward"], batch["traj.reward"].isfinite()
    assert first["reward"] == pytest.approx(float(reward[scored].mean()), abs=1e-5)
    assert first["reward_std"] == pytest.approx(float(reward[scored].std()), abs=1e-5)
    assert first["rewards/overlong/mean"] == pytest.approx(float(batch["traj.reward/overlong"].mean()), abs=1e-5)
    assert {"rewards/correct/mean", "clip_fraction", "entropy", "guerdon/signal", "frac_reward_zero_std"} <= set(first)
    assert list(trainer._logs["advantages"]) == pytest.approx(trainer.history[0].advantages.tolist())
    path = tmp_path / "completions" / "completions_00001.parquet"
    if path.exists():  # older versions send the table to trackers only
        table = pandas.read_parquet(path)
        assert table["overlong"].tolist() == pytest.approx(batch["traj.reward/overlong"].tolist())
        assert table["advantage"].tolist() == list(trainer._logs["advantages"])


def test_reward_functions_of_trl_are_components_beside_those_of_the_recipe(tmp_path):
    recipe = replace(GRPO, shaping=(WeightedSum({"digits": 0.25}),))
    trainer = build(recipe, tmp_path, toys.recorder(plugin.RecipeTrainer), reward_funcs=[digits], max_steps=1)
    trainer.train()
    batch = trainer.batch
    right, other = batch["traj.reward/correct"], batch["traj.reward/digits"]
    assert trainer.reward_func_names == ["digits", "correct"]
    assert other.tolist() == digits(batch["traj.response"])
    assert right.isnan().any() or bool((batch["traj.reward"] - right - other / 4).abs().max() < 1e-6)


def test_a_reward_of_guerdon_is_a_reward_function_of_plain_trl(tmp_path):
    trainer = GRPOTrainer(
        model=toys.model(),
        reward_funcs=[plugin.reward(VERIFIER, task=toys.Sums(), name="sums"), plugin.reward("number")],
        args=toys.arguments(tmp_path, max_steps=1),
        train_dataset=plugin.dataset(toys.Sums()),
        processing_class=toys.tokenizer(),
    )
    trainer.train()
    first = trainer.state.log_history[0]
    assert 0 <= first["rewards/sums/mean"] <= 1 and 0 <= first["rewards/correct/mean"] <= 1
    assert {"unscored/sums", "unscored/correct"} <= set(first)


def test_a_papers_recipe_by_its_id_takes_reward_functions_for_its_verifier(tmp_path):
    trainer = build("dr_grpo", tmp_path, toys.recorder(plugin.RecipeTrainer), reward_funcs=digits, max_steps=1)
    trainer.train()
    assert trainer.batch.names("traj", "reward") == ["reward", "reward/digits"]
    with pytest.raises(GuerdonError, match="there is no task; set"):
        build("dr_grpo", tmp_path)


def test_a_recipe_without_rules_for_single_responses_needs_no_reward_function(tmp_path):
    recipe = replace(GRPO, rewards=(OverlongPenalty(8, 6),))
    trainer = build(recipe, tmp_path, toys.recorder(plugin.RecipeTrainer), max_steps=2)
    trainer.train()
    assert trainer.batch.names("traj", "reward/") == ["reward/overlong"]
    assert not [name for entry in trainer.state.log_history for name in entry if "no_reward" in name]


@pytest.mark.parametrize("loss_type", ["grpo", "dapo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo"])
def test_trls_own_loss_takes_the_recipes_advantages_per_token(loss_type, tmp_path):
    base = toys.recorder(plugin.RecipeTrainer)
    trainer = build(PER_TOKEN, tmp_path, base, loss="trl", loss_type=loss_type, max_steps=2)
    if f'"{loss_type}"' not in inspect.getsource(inspect.unwrap(GRPOTrainer._compute_loss)):
        pytest.skip(f"this TRL has no {loss_type}")
    trainer.train()
    seen = trainer.history[0]
    assert seen.advantages.shape == (12, 8)
    last = torch.tensor([len(ids) - 1 for ids in seen.completions])
    batch = trainer.batch
    expected = batch["traj.reward"].nan_to_num(0.0)
    torch.testing.assert_close(seen.advantages[torch.arange(12), last], expected, check_dtype=False)
    assert sum(float(gradient.abs().sum()) for gradient in seen.gradients[0].values()) > 0


def test_trls_own_loss_is_that_of_the_recipe_that_says_the_same(tmp_path):
    recipe = replace(
        GRPO,
        advantage=(Standardize(eps=1e-4), MaskWhere("traj.truncated")),
        objective=Objective(PPOClip(dual_clip=None, log_ratio_bounds=(None, None)), SeqMeanTokenMean(count_empty=True)),
    )
    runs = {}
    for loss in ("recipe", "trl"):
        base = toys.recorder(plugin.RecipeTrainer)
        runs[loss] = build(recipe, tmp_path, base, loss=loss, loss_type="grpo", max_steps=2)
        runs[loss].train()
    ours, theirs = (runs[loss].history[0] for loss in ("recipe", "trl"))
    assert ours.completions == theirs.completions
    assert ours.losses == pytest.approx(theirs.losses, abs=1e-5)
    for mine, other in zip(ours.gradients, theirs.gradients, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=0)


def test_filters_leave_responses_out_of_trls_loss_too(tmp_path):
    recipe = replace(GRPO, filters=(DynamicSampling(),), rewards=())
    trainer = build(
        recipe, tmp_path, toys.recorder(plugin.RecipeTrainer), reward_funcs=even_groups, loss="trl", max_steps=1
    )
    trainer.train()
    seen = trainer.history[0]
    assert bool((seen.advantages.reshape(3, 4).abs().sum(1) > 0).tolist() == [True, False, True])
    masks = {
        int(row): part["tool_mask"][at]
        for part in trainer._buffered_inputs
        for at, row in enumerate(part["guerdon_row"])
    }
    assert [bool(masks[row].any()) for row in range(12)] == [True] * 4 + [False] * 4 + [True] * 4


def even_groups(completions, **given):
    """The second of three groups is all alike."""
    return [1.0 if 4 <= at < 8 else float(at % 2) for at in range(len(completions))]


def test_evaluation_has_a_loss_and_leaves_the_state_of_the_run_alone(tmp_path):
    recipe = replace(GRPO, advantage=(RunningStandardize(size=4, min_count=2),))
    trainer = build(
        recipe,
        tmp_path,
        eval_dataset=plugin.dataset(toys.Sums(), size=4),
        eval_strategy="steps",
        eval_steps=1,
        per_device_eval_batch_size=4,
        num_iterations=2,
    )
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "eval_reward" in entry]
    assert len(logs) == 4 and all(isinstance(entry["eval_loss"], float) for entry in logs)
    kept = trainer._bridge.slots.states["advantage/0"].rewards
    before = {problem: rewards.clone() for problem, rewards in kept.items()}
    trainer.evaluate()
    after = trainer._bridge.slots.states["advantage/0"].rewards
    assert before and before.keys() == after.keys()
    assert all(torch.equal(before[problem], after[problem]) for problem in before)


def test_the_state_of_pieces_is_in_the_checkpoint(tmp_path):
    recipe = replace(GRPO, advantage=(RunningStandardize(size=4, min_count=2),))
    first = build(recipe, tmp_path, save_strategy="steps", save_steps=2, max_steps=2)
    first.train()
    again = build(recipe, tmp_path, save_strategy="steps", save_steps=2, max_steps=4)
    again.train(resume_from_checkpoint=True)
    whole = build(recipe, tmp_path / "whole", max_steps=4)
    whole.train()
    kept, expected = (one._bridge.slots.states["advantage/0"].rewards for one in (again, whole))
    assert kept.keys() == expected.keys() and len(kept) > 3


def with_hook() -> type:
    """TRL's trainer as https://github.com/huggingface/trl/pull/7298 would have it."""
    from trl.trainer import grpo_trainer

    if hasattr(GRPOTrainer, "_transform_advantages"):
        return GRPOTrainer
    method = GRPOTrainer._generate_and_score_completions
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(method)))
    marks = [line for line in source.splitlines() if line.strip().startswith("all_process_advantages = ")]
    marks += [line for line in source.splitlines() if line.strip().startswith("process_slice = ")]
    indent = marks[-1][: len(marks[-1]) - len(marks[-1].lstrip())]
    source = source.replace(marks[-1], f"{indent}advantages = self._transform_advantages(advantages)\n{marks[-1]}")
    names = {**vars(grpo_trainer)}
    exec(source[source.index("def ") :], names)
    members = {method.__name__: names[method.__name__], "_transform_advantages": lambda self, advantages: advantages}
    return type("WithHook", (GRPOTrainer,), members)


def test_trls_hook_is_used_where_there_is_one(tmp_path, monkeypatch):
    times = []
    plain = Bridge.before_logs

    def noted(self, seen):
        times.append(len(self.trainer._logs["advantages"]))
        return plain(self, seen)

    monkeypatch.setattr(Bridge, "before_logs", noted)
    hooked = toys.recorder(type("Hooked", (plugin.RecipeMixin, with_hook()), {}))
    for recipe, known in ((GRPO, True), (PER_TOKEN, True), (replace(GRPO, credit=(LogEntropy(),)), False)):
        times.clear()
        runs = []
        for base in (hooked, toys.recorder(plugin.RecipeTrainer)):
            runs.append(build(recipe, tmp_path, base, gradient_accumulation_steps=4, max_steps=1))
            runs[-1].train()
        assert times == [0], "TRL asks once, before it logs"
        ours, theirs = (one.history[0] for one in runs)
        torch.testing.assert_close(ours.advantages, theirs.advantages)
        assert ours.losses == pytest.approx(theirs.losses)
        assert runs[0].state.log_history[0]["reward"] == runs[1].state.log_history[0]["reward"]
        assert (plain(runs[0]._bridge, runs[0].seen) is not None) == known


def test_a_trainer_needs_its_arguments_by_keyword(tmp_path):
    with pytest.raises(GuerdonError, match="needs args=GRPOConfig"):
        plugin.RecipeTrainer(toys.model(), recipe=GRPO)
    with pytest.raises(GuerdonError, match="loss must be 'recipe' or 'trl', got 'mine'"):
        build(GRPO, tmp_path, loss="mine")
    with pytest.raises(GuerdonError, match="loss='trl' needs a recipe that writes an advantage"):
        build(replace(GRPO, advantage=()), tmp_path, loss="trl")


def test_warnings_are_said_when_the_trainer_is_built(tmp_path):
    with pytest.warns(UserWarning, match="epsilon of GRPOConfig has no effect"):
        trainer = build(GRPO, tmp_path, epsilon=0.3)
    assert any("epsilon" in sentence for sentence in trainer.recipe_warnings)


def test_the_example_trains(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["trl_grpo.py", "--out", str(tmp_path), "--steps", "6"])
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "trl_grpo.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    table = lines[lines.index("step  reward  correct  digits  overlong  truncated  entropy") + 1 :]
    assert [line.split()[0] for line in table][:3] == ["1", "3", "5"]
