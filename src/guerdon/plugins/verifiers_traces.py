"""Traces of verifiers as a batch: turns, masks, log-probs, named rewards. In memory, or the lines of ``traces.jsonl``.

Idea
    A trace is a graph of messages, each with the tokens that it adds and which of them were sampled. Its last path is a
    trajectory, a sampled message a step, a sampled token a token row; traces of one task are a group. Rewards keep their
    names and come without their weights, which ``weights_of`` tells apart.
Reads
    verifiers 0.4 traces as objects or as dicts; the package itself is not needed.
Deviations
    A trace that ended with an error is unscored. A trace with several leaves (compaction, subagents) is represented by
    the path to its last sampled message, and ``traj.leaves`` counts them. Without token ids (a relayed endpoint does
    not tell them) the batch has no token level and steps are its actions. What other agents said, whose ``trainable``
    is false, is left out.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError

Record = Mapping[str, Any]


def read(path: str | Path) -> list[Record]:
    """The trainable traces of a file of records, one trace or episode per line.

    Raises:
        GuerdonError: with the line's number, if it is neither.
    """
    found: list[Any] = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                item = json.loads(line)
            except ValueError as error:
                raise GuerdonError(f"{path}, line {number} must be a JSON object: {error}") from None
            traces: list[Any] = item.get("traces", [item]) if isinstance(item, dict) else [None]
            if not all(isinstance(trace, dict) and "nodes" in trace for trace in traces):
                raise GuerdonError(f"{path}, line {number} must be a trace or an episode of verifiers")
            found += traces
    return [trace for trace in found if trainable(trace)]


def record(trace: Any) -> Record:
    """A trace as a dict."""
    return trace if isinstance(trace, Mapping) else trace.model_dump(mode="python")


def trainable(trace: Record) -> bool:
    """Whether the policy that is trained wrote it."""
    return bool((trace.get("agent") or {}).get("trainable", True))


def batch_of(traces: Iterable[Any], groups: Sequence[Any] | None = None) -> Batch:
    """A batch of traces.

    Args:
        traces: objects or dicts.
        groups: what each trace's group is known by; None: its task's key. Groups are in the order of first appearance.
    """
    records = [record(trace) for trace in traces]
    if groups is not None and len(groups) != len(records):
        raise GuerdonError(f"groups must name the task of each of {len(records)} traces, got {len(groups)}")
    keys = [_task_key(item, row) for row, item in enumerate(records)] if groups is None else list(groups)
    number = {key: rank for rank, key in enumerate(dict.fromkeys(keys))}
    order = sorted(range(len(records)), key=lambda row: number[keys[row]])
    records = [records[row] for row in order]
    paths = [path_of(item) for item in records]
    turns = [[node for node in path if node.get("sampled")] for path in paths]
    columns: dict[str, Any] = {
        "traj.response": [_text(found[-1]) if found else "" for found in turns],
        "traj.leaves": torch.tensor([_leaves(item) for item in records]),
        "traj.truncated": torch.tensor([_truncated(item) for item in records]),
        "traj.trace_id": [str(item.get("id", "")) for item in records],
        "group.prompt": [_prompt(item) for item in _firsts(records, [keys[row] for row in order])],
        **rewards_of(records),
    }
    step_of_token = None
    if any(any(node.get("mask") or ()) for found in turns for node in found):
        tokens, step_of_token = _tokens(paths, turns)
        columns |= tokens
    return Batch.build(
        columns,
        step_of_token=step_of_token,
        traj_of_step=_index([len(found) for found in turns]),
        group_of_traj=torch.tensor([number[keys[row]] for row in order], dtype=torch.int64),
        groups=len(number),
    )


def _task_key(item: Record, row: int) -> Any:
    task = item.get("task") or {}
    return task.get("key") or task.get("hash") or f"row {row}"


def path_of(item: Record) -> list[Record]:
    """The messages from the root to the last sampled one."""
    nodes: Sequence[Record] = item.get("nodes") or ()
    at: int | None = next((row for row in reversed(range(len(nodes))) if nodes[row].get("sampled")), None)
    path: list[Record] = []
    while at is not None:
        path.append(nodes[at])
        at = nodes[at].get("parent")
    return path[::-1]


def _leaves(item: Record) -> int:
    nodes = item.get("nodes") or ()
    return len(set(range(len(nodes))) - {node.get("parent") for node in nodes})


def _tokens(paths: list[list[Record]], turns: list[list[Record]]) -> tuple[dict[str, Any], torch.Tensor]:
    """Token columns, and the step of each token."""
    ids, places, logprobs, steps, sequences, step = [], [], [], [], [], -1
    for path in paths:
        sequence: list[int] = []
        for node in path:
            mask, new = node.get("mask") or (), node.get("token_ids") or ()
            if node.get("sampled"):
                step += 1
                sampled = [place for place, on in enumerate(mask) if on]
                told = [*(node.get("logprobs") or ())][: len(sampled)]
                logprobs += [*told, *[math.nan] * (len(sampled) - len(told))]
                ids += [new[place] for place in sampled]
                places += [len(sequence) + place for place in sampled]
                steps += [step] * len(sampled)
            sequence += new
        sequences.append(torch.tensor(sequence, dtype=torch.int64))
    return {
        "token.id": torch.tensor(ids, dtype=torch.int64),
        "token.position": torch.tensor(places, dtype=torch.int64),
        "token.behavior_logprob": torch.tensor(logprobs, dtype=torch.float32),
        "traj.input_ids": sequences,
    }, torch.tensor(steps, dtype=torch.int64)


def rewards_of(records: Sequence[Record]) -> dict[str, torch.Tensor]:
    """``traj.reward/<name>`` without weights and ``traj.metric/<name>``; NaN where nothing was recorded."""
    out = {}
    for kind, field in (("reward", "rewards"), ("metric", "metrics")):
        names = dict.fromkeys(name for item in records for name in item.get(field) or {})
        for name in names:
            values = [
                _score((item.get(field) or {}).get(name)) if item.get("ok", True) else math.nan for item in records
            ]
            out[f"traj.{kind}/{name}"] = torch.tensor(values, dtype=torch.float32)
    return out


def _score(entry: Any) -> float:
    value = entry.get("score") if isinstance(entry, Mapping) else entry
    return math.nan if value is None else float(value)


def weights_of(traces: Iterable[Any]) -> dict[str, float]:
    """Reward -> weight, as the traces have them; for ``WeightedSum(weights)``.

    Raises:
        GuerdonError: if two traces weigh a reward differently.
    """
    found: dict[str, float] = {}
    for trace in traces:
        for name, entry in (record(trace).get("rewards") or {}).items():
            if not isinstance(entry, Mapping):
                continue
            weight = float(entry.get("weight", 1.0))
            if found.setdefault(name, weight) != weight:
                raise GuerdonError(
                    f"reward {name!r} must have one weight in all traces, got {found[name]} and {weight}"
                )
    return found


def _truncated(item: Record) -> bool:
    calls = [call for call in item.get("calls") or () if not call.get("error")]
    limits = ("max_turns", "max_input_tokens", "max_output_tokens", "max_total_tokens", "compaction_failed")
    return item.get("stop_condition") in limits or (bool(calls) and calls[-1].get("finish_reason") == "length")


def _prompt(item: Record) -> str:
    prompt = ((item.get("task") or {}).get("data") or {}).get("prompt")
    return prompt if isinstance(prompt, str) else "\n".join(_text({"message": message}) for message in prompt or ())


def _text(node: Record) -> str:
    content = (node.get("message") or {}).get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content if part.get("type") == "text")


def _firsts(records: list[Record], keys: list[Any]) -> list[Record]:
    first: dict[Any, Record] = {}
    for key, item in zip(keys, records, strict=True):
        first.setdefault(key, item)
    return list(first.values())


def _index(counts: list[int]) -> torch.Tensor:
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts, dtype=torch.int64))
