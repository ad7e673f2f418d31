"""Stored rollouts as HTML: prompt, responses side by side, reward components, advantage, every token coloured.

Idea
    A few groups of the first, a middle and the last stored step, those with the widest spread of reward first,
    because that is where the gradient comes from. A token's background says its advantage or, switched by a radio
    button that needs no script, how surprising it was; its numbers show when the pointer rests on it.
"""

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.runs.markup import element, escape
from guerdon.runs.reading import Run, read_batch

GROUPS, RESPONSES, TOKENS = 3, 4, 600
"""Shown at most: groups per step, responses per group, tokens per response."""
SURPRISE = 4.0
"""Nats of -log-prob at which the colour is full."""
TIPS = ("behavior_logprob", "old_logprob", "ref_logprob", "advantage", "reward", "old_entropy", "value", "old_value")
"""Columns of an action that are told when the pointer rests on it."""


def samples(run: Run) -> str:
    """The section of a run's rollouts; empty if none are stored."""
    stored = run.rollout_steps
    if not stored:
        return ""
    chosen = sorted({stored[0], stored[len(stored) // 2], stored[-1]})
    return "".join(step_section(run.path, step) for step in chosen)


def step_section(path: Path, step: int) -> str:
    """A step's most telling groups."""
    batch = read_batch(path, step)
    groups = telling_groups(batch)[:GROUPS]
    content = "".join(group_article(batch, group) for group in groups)
    total = f"{len(groups)} of {batch.size('group')} groups, widest spread of reward first"
    return element("h3", f"Step {step} <small>{total}</small>") + content


def telling_groups(batch: Batch) -> list[int]:
    """Group numbers, by falling spread of the reward; groups without trajectories are left out."""
    index = batch.index("traj", "group")
    spread = torch.full((batch.size("group"),), -1.0)
    for group in index.unique().tolist():
        reward = reward_of(batch)[index == group]
        reward = reward[reward.isfinite()]
        spread[group] = float(reward.max() - reward.min()) if len(reward) else 0.0
    order = torch.argsort(spread, descending=True, stable=True).tolist()
    return [group for group in order if spread[group] >= 0]


def reward_of(batch: Batch) -> Tensor:
    """``traj.reward``, or zeros where a batch has none (demonstrations)."""
    return batch["traj.reward"].double() if "traj.reward" in batch else torch.zeros(batch.size("traj")).double()


def group_article(batch: Batch, group: int) -> str:
    """One prompt and some of its responses, best first."""
    rows = (batch.index("traj", "group") == group).nonzero()[:, 0].tolist()
    reward = reward_of(batch)
    rows.sort(key=lambda row: -float(reward[row]) if bool(reward[row].isfinite()) else math.inf)
    # The best, the worst and some between: the whole range of the group.
    picked = sorted({round(place * (len(rows) - 1) / (RESPONSES - 1)) for place in range(RESPONSES)})
    prompt = batch.columns["group.prompt"][group] if "group.prompt" in batch.columns else group_name(batch, group)
    answer = (
        getattr(batch.columns["group.problem"][group], "answer", None) if "group.problem" in batch.columns else None
    )
    head = element("div", escape(prompt), class_="prompt")
    if answer is not None:
        head += element("div", f"reference answer <code>{escape(answer)}</code>", class_="answer")
    if len(rows) > len(picked):
        head += element("div", f"{len(picked)} of {len(rows)} responses, from best to worst", class_="answer")
    body = "".join(response(batch, rows[number]) for number in picked)
    return element("article", head + element("div", body, class_="responses"), class_="group")


def group_name(batch: Batch, group: int) -> str:
    """What a group without a prompt is called: its problem, or its number."""
    return f"problem {int(batch['group.problem_id'][group])}" if "group.problem_id" in batch else f"group {group}"


def response(batch: Batch, row: int) -> str:
    """One trajectory: rewards, then its actions."""
    chips = [chip(name, value) for name, value in facts(batch, row)]
    notes = []
    if "traj.truncated" in batch and bool(batch["traj.truncated"][row]):
        notes.append("truncated")
    if "traj.reward_error" in batch.columns and (reason := batch.columns["traj.reward_error"][row]):
        notes.append(f"unscored: {reason}")
    chips += [element("span", escape(note), class_="chip note") for note in notes]
    return element("div", element("div", "".join(chips), class_="chips") + actions(batch, row), class_="response")


def facts(batch: Batch, row: int) -> list[tuple[str, float]]:
    """Reward, its components, and the advantage of a trajectory."""
    names = [name for name in ("traj.reward", "traj.advantage") if name in batch.columns]
    names[1:1] = [f"traj.{name}" for name in batch.names("traj", "reward/")]
    return [(name.partition(".")[2], float(batch.columns[name][row])) for name in names]


def chip(name: str, value: float) -> str:
    """A small labelled number; NaN means unscored."""
    text = f"{value:.3g}" if math.isfinite(value) else "unscored"
    kind = "chip main" if name == "reward" else "chip"
    return element("span", f"{escape(name)} <b>{text}</b>", class_=kind)


def actions(batch: Batch, row: int) -> str:
    """The actions of a trajectory, each in a span with its numbers; without actions, the response text."""
    level = batch.action
    rows = (batch.index(level, "traj") == row).nonzero()[:, 0]
    labels = action_labels(batch, level, rows)
    if labels is None or not labels:
        text = batch.columns["traj.response"][row] if "traj.response" in batch.columns else ""
        return element("div", escape(text) or "<i>empty</i>", class_="tokens")
    columns = {name: action_column(batch, name, rows) for name in TIPS}
    columns = {name: values for name, values in columns.items() if values is not None}
    scale = advantage_scale(batch)
    spans = [
        action_span(label, {name: float(values[number]) for name, values in columns.items()}, scale)
        for number, label in enumerate(labels[:TOKENS])
    ]
    if len(labels) > TOKENS:
        spans.append(element("span", f"... {len(labels) - TOKENS} more", class_="more"))
    return element("div", "".join(spans), class_="tokens" if level == "token" else "tokens steps")


def action_labels(batch: Batch, level: str, rows: Tensor) -> list[str] | None:
    """What an action is called: its text, its id, or the number of the action taken."""
    for name in ("text", "id", "action"):
        column = batch.columns.get(f"{level}.{name}")
        if isinstance(column, list):
            return [str(column[row]) for row in rows.tolist()]
        if isinstance(column, Tensor) and column.dim() == 1:
            separate = " " if level == "token" else ""
            return [f"{value:g}{separate}" for value in column[rows].tolist()]
    return None


def action_column(batch: Batch, name: str, rows: Tensor) -> Tensor | None:
    """A column at the action level, spread there if it is coarser; None if there is none or it is no number."""
    if f"action.{name}" not in batch:
        return None
    values: Any = batch[f"action.{name}"]
    return values[rows].double() if isinstance(values, Tensor) and values.dim() == 1 else None


def advantage_scale(batch: Batch) -> float:
    """The advantage at which the colour is full: the largest of the batch."""
    if "action.advantage" not in batch:
        return 1.0
    values = batch["action.advantage"].abs()
    values = values[values.isfinite()]
    return float(values.max()) or 1.0 if len(values) else 1.0


def action_span(label: str, numbers: dict[str, float], scale: float) -> str:
    """One action: its label, coloured by ``--a`` (share of the largest advantage) and ``--p`` (surprise)."""
    advantage, logprob = numbers.get("advantage", 0.0), numbers.get("behavior_logprob", 0.0)
    advantage, logprob = (value if math.isfinite(value) else 0.0 for value in (advantage, logprob))
    tip = "\n".join([repr(label), *(f"{name.replace('_', ' ')}: {value:.4g}" for name, value in numbers.items())])
    sign = "" if not advantage else " up" if advantage > 0 else " down"
    colour = f"--a:{100 * min(abs(advantage) / scale, 1):.0f}%;--p:{100 * min(-logprob / SURPRISE, 1):.0f}%"
    return element("span", escape(label), class_=f"t{sign}", style=colour, title=tip)


__all__ = ["samples"]
