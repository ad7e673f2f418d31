"""Run folders of made-up rollouts, written by the writer that runs use: for tests, and large ones for benchmarks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from guerdon.batch import Batch
from guerdon.runs.checkpoint import step_name
from guerdon.runs.tables import write_batch
from guerdon.tasks.problem import Problem

GROUP = 8
"""Rollouts per prompt."""
WORDS = [
    *("so", "we", "add", "the", "two", "numbers", "and", "carry", "one", "then", "check", "that", "it", "holds"),
    *("because", "seven", "times", "six", "is", "42", "in", "the", "end"),
]


def text_batch(groups: int, step: int, seed: int, tokens: int = 48) -> Batch:
    """A GRPO batch of made-up responses whose reward rises with the step."""
    made = np.random.default_rng((seed, step))
    rows = groups * GROUP
    length = made.integers(tokens // 2, 3 * tokens // 2, rows)
    words = made.integers(0, len(WORDS), int(length.sum()))
    texts = [f" {WORDS[word]}" for word in words]
    ends = np.cumsum(length)
    responses = ["".join(texts[end - size : end]) for end, size in zip(ends, length, strict=True)]
    problems = made.integers(0, 2_000, groups)
    right = (made.random(rows) < step / (step + 20)).astype(np.float32)
    form = (made.random(rows) < 0.8).astype(np.float32)
    reward = right + 0.2 * form
    unscored = made.random(rows) < 0.01
    right[unscored] = reward[unscored] = np.nan
    logprob = torch.from_numpy(-made.exponential(1.0, len(words)).astype(np.float32))
    advantage = torch.from_numpy(np.nan_to_num(reward - np.nanmean(reward)).astype(np.float32))
    row = torch.arange(rows).repeat_interleave(torch.from_numpy(length))
    prompts = [f"What is {problem} plus {problem % 7}? Answer with the number alone." for problem in problems.tolist()]
    return Batch.build(
        {
            "token.id": torch.from_numpy(words),
            "token.text": texts,
            "token.position": torch.arange(len(words)),
            "token.behavior_logprob": logprob,
            "token.old_logprob": logprob,
            "token.new_logprob": logprob + 0.01,
            "token.new_entropy": -logprob,
            "token.ref_logprob": logprob - 0.02,
            "traj.response": responses,
            "traj.reward": torch.from_numpy(reward),
            "traj.reward/correct": torch.from_numpy(right),
            "traj.reward/format": torch.from_numpy(form),
            "traj.reward_error": ["TimeoutError: the call took more than 10 s" if bad else "" for bad in unscored],
            "traj.advantage": advantage,
            "traj.truncated": torch.from_numpy(length >= 3 * tokens // 2 - 1),
            "traj.temperature": torch.ones(rows),
            "group.problem_id": torch.from_numpy(problems),
            "group.prompt": prompts,
            "group.problem": [
                Problem(number, prompt, str(number + number % 7))
                for number, prompt in zip(problems.tolist(), prompts, strict=True)
            ],
        },
        step_of_token=row,
        traj_of_step=torch.arange(rows),
        group_of_traj=torch.arange(groups).repeat_interleave(GROUP),
        groups=groups,
    )


def control_batch(episodes: int, step: int, seed: int, steps: int = 40) -> Batch:
    """Episodes of an environment with two reward components per step and no tokens."""
    made = np.random.default_rng((seed, step, 1))
    rows = episodes * steps
    progress, effort = made.random(rows).astype(np.float32), -made.random(rows).astype(np.float32)
    return Batch.build(
        {
            "step.action": torch.from_numpy(made.normal(size=(rows, 2)).astype(np.float32)),
            "step.observation": torch.from_numpy(made.normal(size=(rows, 4)).astype(np.float32)),
            "step.reward": torch.from_numpy(progress + effort),
            "step.reward/progress": torch.from_numpy(progress),
            "step.reward/effort": torch.from_numpy(effort),
            "step.value": torch.from_numpy(made.random(rows).astype(np.float32)),
            "step.advantage": torch.from_numpy(made.normal(size=rows).astype(np.float32)),
            "traj.truncated": torch.from_numpy(made.random(episodes) < 0.5),
            "group.problem_id": torch.arange(episodes),
        },
        traj_of_step=torch.arange(episodes).repeat_interleave(steps),
        group_of_traj=torch.arange(episodes),
        groups=episodes,
    )


def fake_run(path: Path, batches: dict[int, Batch], metrics: list[dict[str, Any]] | None = None, **facts: Any) -> Path:
    """A run folder with these rollouts by step, as ``RunFolder`` leaves it."""
    path.mkdir(parents=True)
    last = max(batches, default=0)
    found: dict[str, Any] = {
        "format": 1,
        "status": "finished",
        "reason": "",
        "steps": last,
        "seed": 0,
        "device": "cpu",
        "recipe": {"piece": "Recipe", "task": None, "policy": None},
        "handed_over": False,
        "origin": None,
        "warnings": [],
        "started": "2026-11-29T12:00:00+00:00",
        "command": ["guerdon"],
        "versions": {"guerdon": "0.1.0", "torch": "2"},
        "commit": None,
        "machine": {"system": "Linux 6", "processor": "x86_64", "cores": 2, "threads": 1, "accelerators": []},
        **facts,
    }
    (path / "run.json").write_text(json.dumps(found))
    lines = metrics or [{"step": step, "reward": step / (step + 20), "length": 48.0} for step in range(1, last + 1)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for step, batch in batches.items():
        folder = path / "rollouts" / step_name(step)
        folder.mkdir(parents=True)
        write_batch(batch, folder, step)
    return path
