"""The trainer seam: what verl's estimator is not given reaches the recipe, and masks go back. On a queue in memory."""

import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from guerdon import GuerdonError, Objective, Recipe, pieces

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("verl.trainer.ppo.v1", reason="verl's trainers are not installed", exc_type=ImportError)
    import transfer_queue
    from omegaconf import OmegaConf
    from tensordict import TensorDict
    from verl.trainer.ppo.v1 import get_trainer_cls
    from verl.trainer.ppo.v1.agent_loop_tq import list_of_dict_to_tensordict

    from guerdon.plugins import verl, verl_trainer
    from guerdon.plugins.verl_recipe import Advantages

KEYS = ["u0_0_0", "u1_0_0", "u0_1_0", "u1_1_0"]
TURNS = [[1, 1, 0, 1], [1], [1, 1], [1, 0, 1]]
SCORES = [1.0, 0.0, 0.0, 1.0]


class Keys(SimpleNamespace):
    """What verl hands around for a batch."""

    def __len__(self) -> int:
        return len(self.keys)


class Queue:
    """Fields by key, as verl's transfer queue keeps them."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = dict(zip(KEYS, rows, strict=True))

    def get(self, keys: list[str], partition_id: str, select_fields: list[str]) -> TensorDict:
        names = [name for name in select_fields if name in self.rows[keys[0]]]
        return list_of_dict_to_tensordict([{name: self.rows[key][name] for name in names} for key in keys])

    def put(self, keys: list[str], partition_id: str, fields: TensorDict) -> Any:
        for name in fields.keys():  # noqa: SIM118
            for key, value in zip(keys, fields[name].unbind(), strict=True):
                self.rows[key][name] = value
        return Keys(keys=keys, partition_id=partition_id)


def rows(**infos: list[Any]) -> list[dict[str, Any]]:
    """One row per key: turns, the score on the last position, and what the reward function returned."""
    made = []
    for number, (key, turns, score) in enumerate(zip(KEYS, TURNS, SCORES, strict=True)):
        mask = torch.tensor(turns)
        reward = torch.zeros(len(turns))
        reward[-1] = score
        info = {name: values[number] for name, values in infos.items()}
        made.append(
            {
                "uid": key.rsplit("_", 2)[0],
                "prompts": torch.tensor([5, 6]),
                "responses": torch.arange(len(turns)),
                "response_mask": mask,
                "loss_mask": mask,
                "rm_scores": reward,
                "old_log_probs": -torch.ones(len(turns)),
                "ref_log_prob": -2 * torch.ones(len(turns)),
                "extra_fields": {"reward_extra_info": info},
            }
        )
    return made


def step(recipe: Recipe, queue: Queue, monkeypatch: Any, estimator: str = "guerdon/test") -> dict[str, Any]:
    """What the twin of the sync trainer does to a step's rollouts; the metrics."""
    monkeypatch.setattr(transfer_queue, "kv_batch_get", queue.get)
    monkeypatch.setattr(transfer_queue, "kv_batch_put", queue.put)
    monkeypatch.setattr(verl, "advantages_of", lambda spec: Advantages(recipe))
    verl.register("guerdon/test")
    algorithm = {"adv_estimator": estimator, "use_kl_in_reward": False, "gamma": 1.0, "lam": 1.0}
    trainer = object.__new__(get_trainer_cls("guerdon_sync"))
    trainer.config = OmegaConf.create({"algorithm": algorithm, "actor_rollout_ref": {"rollout": {"n": 2}}})
    trainer.global_steps, trainer.total_training_steps = 3, 12
    metrics: dict[str, Any] = {}
    trainer._compute_advantage(Keys(keys=KEYS, partition_id="train"), metrics)
    return metrics


def stored(queue: Queue, name: str) -> list[list[float]]:
    return [[round(float(value), 4) for value in queue.rows[key][name]] for key in KEYS]


def recipe(*advantage: Any, **slots: Any) -> Recipe:
    return Recipe(Objective(pieces.Reinforce()), advantage=advantage, **slots)


def test_every_trainer_of_verl_has_a_twin_that_keeps_its_mode():
    twin = get_trainer_cls("guerdon_sync")
    assert twin.mode == "sync" and issubclass(twin, get_trainer_cls("sync"))
    assert get_trainer_cls("guerdon_separate_async").mode == "separate_async"
    assert verl_trainer.load_trainers() == []
    config = OmegaConf.create({"trainer": {"v1": {"trainer_mode": "guerdon_sync"}}})
    with pytest.raises(AttributeError):  # verl wants the rest of the configuration
        twin(config)
    assert config.trainer.v1.trainer_mode == "sync"


def test_advantages_go_back_row_by_row(monkeypatch):
    queue = Queue(rows())
    step(recipe(pieces.Standardize(scale="none")), queue, monkeypatch)
    assert stored(queue, "advantages") == [[0.5, 0.5, 0, 0.5], [-0.5], [-0.5, -0.5], [0.5, 0, 0.5]]
    assert stored(queue, "returns") == stored(queue, "advantages")


def test_named_rewards_of_the_reward_function_are_components(monkeypatch):
    queue = Queue(rows(f=[1.0, 0.0, 0.0, 0.0], g=[0.0, 0.0, 0.0, 10.0], acc=[9.0] * 4))
    two = recipe(
        pieces.Standardize(scale="none"),
        rewards=(pieces.Function("a:b", components=("f", "g")),),
        shaping=(pieces.WeightedSum({"g": 0.1}),),
    )
    step(two, queue, monkeypatch)
    assert [row[0] for row in stored(queue, "advantages")] == [0.5, -0.5, -0.5, 0.5]


def test_log_probs_of_the_reference_and_the_progress_of_the_run_are_there(monkeypatch):
    queue = Queue(rows())
    schedule = pieces.Schedule(((0.0, 0.0), (1.0, 4.0)))
    kl = recipe(
        pieces.Standardize(center="none", scale="none"),
        shaping=(pieces.WeightedSum(schedules={"correct": schedule}), pieces.KLReward(1.0, "k1")),
    )
    step(kl, queue, monkeypatch)
    # A quarter of the way the weight is 1; each sampled token costs log pi_old - log pi_ref = 1.
    assert [row[0] for row in stored(queue, "advantages")] == [1.0 - 3, 0.0 - 1, 0.0 - 2, 1.0 - 2]


def test_turns_are_steps(monkeypatch):
    queue, seen = Queue(rows()), {}
    monkeypatch.setattr(pieces.Standardize, "__call__", lambda self, batch: seen.update(batch=batch) or {
        "traj.advantage": batch["traj.reward"]})  # fmt: skip
    step(recipe(pieces.Standardize()), queue, monkeypatch)
    batch = seen["batch"]
    assert batch.index("step", "traj").tolist() == [0, 0, 1, 2, 3, 3]  # u0: rows 0 and 2, then u1: rows 1 and 3
    assert batch["traj.input_ids"][0].tolist() == [5, 6, 0, 1, 2, 3]
    assert batch["run.step"] == 3 and batch["run.progress"] == 0.25


def test_what_the_recipe_masks_is_masked_and_not_counted(monkeypatch):
    queue = Queue(rows())
    metrics = step(recipe(pieces.ValueBaseline(value=None, drop_below=0.5)), queue, monkeypatch)
    assert stored(queue, "response_mask") == [[1, 1, 0, 1], [0], [0, 0], [1, 0, 1]] == stored(queue, "loss_mask")
    assert metrics["guerdon/masked_tokens"] == 3.0
    kept = Queue(rows())
    assert step(recipe(pieces.Standardize()), kept, monkeypatch)["guerdon/masked_tokens"] == 0.0
    assert kept.rows[KEYS[0]]["response_mask"] is not None


def test_an_estimator_of_verl_under_the_seam_is_refused(monkeypatch):
    with pytest.raises(GuerdonError, match=r"needs algorithm.adv_estimator=guerdon or guerdon/PAPER, got 'rloo'"):
        step(recipe(pieces.Standardize()), Queue(rows()), monkeypatch, estimator="rloo")


def test_an_unscored_row_has_no_advantage(monkeypatch):
    queue = Queue(rows(unscored=[0.0, 0.0, 1.0, 0.0]))
    step(recipe(pieces.Standardize(scale="none")), queue, monkeypatch)
    assert [row[0] for row in stored(queue, "advantages")] == [0.0, -0.5, 0.0, 0.5]
