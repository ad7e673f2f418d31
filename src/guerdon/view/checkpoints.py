"""What two checkpoints of a run say to the same prompt, and what each makes of the other's words.

Idea
    Both sample with the same seeds, so that what differs is the policy; then both score every sampled token, so that
    one sees at which token they part.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.policies.language_model import LanguageModel
from guerdon.rewards.verifier import Verifier
from guerdon.rng import Stream
from guerdon.rollouts.sample import as_text, check_kinds, make_sampler, sample_batch
from guerdon.rollouts.sampler import Sampling
from guerdon.runs.policy import load_policy
from guerdon.runs.reading import read_run
from guerdon.runs.tables import with_texts
from guerdon.tasks.problem import ProblemTask
from guerdon.view.rollout import number
from guerdon.view.store import Store

MOST = 16
"""Responses of each checkpoint at once."""
SIDES = ("before", "after")
DEFAULTS = {"samples": 4, "seed": 0}


def compare(store: Store, request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of ``/api/checkpoints``.

    Raises:
        GuerdonError: if the request names no two checkpoints of a run whose policy is a language model.
    """
    asked = _asked(request)
    paths = store.now.paths
    if not 0 <= asked["run"] < len(paths):
        raise GuerdonError(f"run must be one of 0..{len(paths) - 1}, got {asked['run']}")
    path = paths[asked["run"]]
    recipe = read_run(path).recipe
    task, sampling = recipe.task, getattr(recipe.rollout, "sampling", Sampling())
    models = [_policy(str(path), asked[side], _stamp(path)) for side in SIDES]
    for model in models:
        check_kinds("comparing checkpoints", task, model)
    assert isinstance(task, ProblemTask)
    size = task.size("train")
    if asked["problem"] < 0 or (size is not None and asked["problem"] >= size):
        raise GuerdonError(f"problem must be one of the task's {size} training problems, got {asked['problem']}")
    out: dict[str, Any] = {"prompt": as_text(task.problem("train", asked["problem"])), "pass": {}}
    for side, model in zip(SIDES, models, strict=True):
        stream = Stream((asked["seed"], "checkpoints"))
        sampler = make_sampler("local", model)
        batch = sample_batch(
            task, model, sampler, [asked["problem"]], "train", asked["samples"], sampling, stream
        ).with_run(task=task)
        out[side], out["pass"][side] = _told(batch, model, models)
    return out


def _asked(request: Mapping[str, Any]) -> dict[str, int]:
    """The numbers of a request.

    Raises:
        GuerdonError: if one is missing, or is none.
    """
    asked = {**DEFAULTS, **request}
    for name in ("run", "before", "after", "problem", "samples", "seed"):
        if not isinstance(asked.get(name), int) or isinstance(asked[name], bool):
            raise GuerdonError(f"{name} must be a whole number, got {asked.get(name)!r}")
    if not 1 <= asked["samples"] <= MOST:
        raise GuerdonError(f"samples must lie in 1..{MOST}, got {asked['samples']}")
    return asked


@lru_cache(maxsize=2)
def _policy(path: str, step: int, stamp: int) -> LanguageModel:
    """A checkpoint's policy; ``stamp`` tells a folder that was run anew."""
    policy = load_policy(path, step=step)
    if not isinstance(policy, LanguageModel):
        raise GuerdonError(f"comparing checkpoints needs a language-model policy, got {type(policy).__name__}")
    return policy


def _stamp(path: Path) -> int:
    return (path / "checkpoints").stat().st_mtime_ns if (path / "checkpoints").exists() else 0


@torch.no_grad()
def _told(batch: Batch, model: LanguageModel, models: list[LanguageModel]) -> tuple[list[dict[str, Any]], float | None]:
    """Each response with its tokens under both models, and the share that the verifier takes for right."""
    reward = Verifier()(batch)["traj.reward/correct"]
    assert isinstance(reward, torch.Tensor)
    logprobs = [each.evaluate(batch, frozenset({"action.logprob"}))["action.logprob"].tolist() for each in models]
    texts = with_texts(batch, model).columns["token.text"]
    owner = batch.index("token", "traj").tolist()
    told = []
    for row, response in enumerate(batch.columns["traj.response"]):
        rows = [token for token, traj in enumerate(owner) if traj == row]
        tokens = {
            "text": [texts[token] for token in rows],
            "logprob_before": [number(logprobs[0][token]) for token in rows],
            "logprob_after": [number(logprobs[1][token]) for token in rows],
        }
        told.append({"response": response, "reward": number(float(reward[row])), "tokens": tokens})
    scored = reward[reward.isfinite()]
    return told, float((scored >= 1.0).double().mean()) if len(scored) else None


__all__ = ["compare"]
