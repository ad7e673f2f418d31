"""verl's tensors <-> the batch: several turns, any order of prompts, rewards per token, named rewards.

Maths
    verl has a row per response and a column per position of it; ``response_mask`` is 1 on what the policy sampled and 0
    on tool and padding tokens. Of that the batch has the 1s: a token row each, a step row for each unbroken run of them
    (a turn), a trajectory per response, a group per ``uid``, in the order in which the uids appear first.
Reads
    Padded tensors, jagged nested ones, a ``TensorDict`` or a ``DataProto``.
Deviations
    A reward on a position that was not sampled (verl puts the outcome on the last position, which may be a tool's) goes
    to the last sampled token before it, or to the first one; verl's GAE and REINFORCE++ lose it. A mask from which
    rejection sampling has taken tokens shows more turns than there were.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError

COLUMNS = {
    "old_log_probs": "token.old_logprob",
    "ref_log_prob": "token.ref_logprob",
    "rollout_log_probs": "token.behavior_logprob",
    "values": "token.old_value",
    "responses": "token.id",
    "advantages": "token.advantage",
    "returns": "token.return",
}
"""verl's fields per position -> columns."""
CELL, ROW = "token.cell", "traj.row"
"""Where a token is in verl's flattened tensor, and which of verl's rows a trajectory is."""


def padded(values: Any) -> Tensor:
    """``[rows, positions]`` of a padded or nested tensor."""
    return torch.nested.to_padded_tensor(values, 0) if values.is_nested else values


def groups_of(uid: Any, rows: int) -> Tensor:
    """Number of each row's group, ``[rows]``, counted in the order of first appearance; None: a group per row."""
    if uid is None:
        return torch.arange(rows)
    keys = uid.tolist() if hasattr(uid, "tolist") else list(uid)
    if len(keys) != rows:
        raise GuerdonError(f"uid must name the prompt of each of {rows} responses, got {len(keys)}")
    number = {key: rank for rank, key in enumerate(dict.fromkeys(keys))}
    return torch.tensor([number[key] for key in keys], dtype=torch.int64)


def pack(response_mask: Tensor, uid: Any = None, fields: Mapping[str, Tensor] | None = None) -> Batch:
    """A batch of the sampled tokens.

    Args:
        response_mask: ``[rows, positions]``, true where the policy sampled.
        uid: which prompt each row answers; None: a group per row.
        fields: token column -> ``[rows, positions]``.
    """
    mask = padded(response_mask).bool()
    rows, width = mask.shape
    group = groups_of(uid, rows).to(mask.device)
    order = torch.argsort(group, stable=True)
    mask = mask.index_select(0, order)
    flat = mask.reshape(-1).nonzero()[:, 0]
    traj = torch.arange(rows, device=mask.device).repeat_interleave(mask.sum(1))
    place = flat - traj * width
    cell = order.index_select(0, traj) * width + place
    opens = torch.ones_like(flat, dtype=torch.bool)
    opens[1:] = (flat.diff() != 1) | (traj.diff() != 0)
    batch = Batch.build(
        {CELL: cell, ROW: order, "token.place": place},
        step_of_token=opens.cumsum(0) - 1,
        traj_of_step=traj[opens],
        group_of_traj=group[order],
    )
    batch = batch.with_run(shape=(rows, width))
    named = {name: padded(values).reshape(-1) for name, values in (fields or {}).items()}
    return batch.with_columns({name: values.index_select(0, cell) for name, values in named.items()})


def unpack(batch: Batch, values: Tensor) -> Tensor:
    """``[token]`` as ``[rows, positions]`` of the tensors the batch was packed from; 0 elsewhere. Differentiable."""
    rows, width = batch["run.shape"]
    flat = values.new_zeros(rows * width).index_copy(0, batch[CELL], values)
    return flat.reshape(rows, width)


def unpack_rows(batch: Batch, values: Tensor) -> Tensor:
    """``[traj]`` in verl's order of rows; 0 for the rows that the batch has no more."""
    return values.new_zeros(batch["run.shape"][0]).index_copy(0, batch[ROW], values)


def with_rewards(batch: Batch, token_level_rewards: Tensor, name: str | None = "correct") -> Batch:
    """Add ``token.reward``, ``traj.reward`` (its sum, all positions counted) and ``traj.reward/<name>``, the same."""
    rewards = padded(token_level_rewards)
    rows, width = batch["run.shape"]
    if rewards.shape != (rows, width):
        raise GuerdonError(
            f"token_level_rewards must have the shape of response_mask {(rows, width)}, got {rewards.shape}"
        )
    total = rewards.float().sum(1)[batch[ROW]]
    placed = torch.zeros(batch.size("token"), device=rewards.device)
    place_of = torch.empty_like(batch[ROW]).index_copy(0, batch[ROW], torch.arange(rows, device=rewards.device))
    row, place = rewards.nonzero(as_tuple=True)
    traj = batch.index("token", "traj")
    count = torch.bincount(traj, minlength=rows)
    where = count[place_of[row]] > 0
    row, place = row[where], place[where]
    own = place_of[row]
    # Token rows are sorted by trajectory and position: the last one at or before, but not one of the trajectory before.
    keys, first = traj * width + batch["token.place"], (count.cumsum(0) - count)[own]
    at = (torch.searchsorted(keys, own * width + place, right=True) - 1).maximum(first)
    placed = placed.index_add(0, at, rewards[row, place].float())
    named = {} if name is None else {f"traj.reward/{name}": total}
    return batch.with_columns({"token.reward": placed, "traj.reward": total, **named})


def with_sequences(batch: Batch, prompts: Sequence[Tensor], responses: Sequence[Tensor]) -> Batch:
    """Add ``traj.input_ids`` and ``token.position``; one tensor of ids per row of verl, without padding."""
    order = batch[ROW].tolist()
    start = torch.tensor([len(prompts[row]) for row in order], dtype=torch.int64, device=batch.device)
    return batch.with_columns(
        {
            "traj.input_ids": [torch.cat([prompts[row], responses[row]]) for row in order],
            "token.position": start[batch.index("token", "traj")] + batch["token.place"],
        }
    )


def with_components(batch: Batch, infos: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Batch:
    """Add ``traj.reward/<name>`` from what a reward function returned per row of verl; NaN where it said nothing.

    Raises:
        GuerdonError: if no row has a name.
    """
    order, added = batch[ROW].tolist(), {}
    for name in names:
        if not any(name in info for info in infos):
            have = sorted({key for info in infos for key in info})
            raise GuerdonError(
                f"the reward function must return {name!r} beside its score, got {', '.join(have) or 'nothing'}"
            )
        values = [_number(infos[row].get(name)) for row in order]
        added[f"traj.reward/{name}"] = torch.tensor(values, dtype=torch.float32, device=batch.device)
    return batch.with_columns(added)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def read(data: Any, uid: Any = None) -> Batch:
    """A batch of a ``DataProto`` or a ``TensorDict``: tokens, log-probs, values, rewards, sequences, as far as there.

    Raises:
        GuerdonError: if it has no ``response_mask``.
    """
    fields, others = (data.batch, data.non_tensor_batch) if hasattr(data, "non_tensor_batch") else (data, {})
    names = set(fields.keys())
    if "response_mask" not in names:
        raise GuerdonError(f"the data must have a response_mask, got {', '.join(sorted(map(str, names))) or 'nothing'}")
    uid = others.get("uid") if uid is None else uid
    if uid is None and "uid" in names:
        uid = fields["uid"]
    columns = {column: fields[name] for name, column in COLUMNS.items() if name in names}
    batch = pack(fields["response_mask"], uid, columns)
    rewards = next((name for name in ("token_level_rewards", "token_level_scores", "rm_scores") if name in names), None)
    if rewards is not None:
        batch = with_rewards(batch, fields[rewards])
    if {"prompts", "responses"} <= names and (fields["prompts"].is_nested or "attention_mask" in names):
        batch = with_sequences(batch, *_sequences(fields))
    return batch


def _sequences(fields: Any) -> tuple[list[Tensor], list[Tensor]]:
    """Prompts and responses without padding; padded prompts have theirs on the left."""
    prompts, responses = fields["prompts"], fields["responses"]
    if prompts.is_nested:
        return list(prompts.unbind()), list(responses.unbind())
    width, mask = prompts.shape[1], fields["attention_mask"].bool()
    return (
        [row[kept] for row, kept in zip(prompts, mask[:, :width], strict=True)],
        [row[kept] for row, kept in zip(responses, mask[:, width:], strict=True)],
    )


def columns_of(batch: Batch, names: Mapping[str, str] = COLUMNS) -> dict[str, Tensor]:
    """The way back: verl's fields ``[rows, positions]`` for the token columns that the batch has."""
    return {field: unpack(batch, batch[column]) for field, column in names.items() if column in batch.columns}


__all__ = ["Column", "columns_of", "pack", "padded", "read", "unpack", "unpack_rows", "with_components", "with_rewards"]
