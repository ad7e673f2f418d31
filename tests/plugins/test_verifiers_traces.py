"""Traces as a batch, from records by hand; needs no verifiers."""

import json
import math

import pytest
import torch

from guerdon import GuerdonError
from guerdon.plugins import verifiers_traces as traces


def node(parent, role, text, ids=(), sampled=False, scaffold=0, logprobs=None):
    """A message; the first ``scaffold`` ids of a sampled one are the template's."""
    mask = [sampled and place >= scaffold for place in range(len(ids))]
    told = [-0.5] * sum(mask) if logprobs is None else logprobs
    message = {"role": role, "content": text}
    return {"parent": parent, "message": message, "sampled": sampled, "token_ids": list(ids), "mask": mask,
            "logprobs": told}  # fmt: skip


def trace(key, nodes, rewards=None, **fields):
    return {
        "id": f"t{key}",
        "task": {"key": key, "data": {"prompt": f"prompt {key}"}},
        "nodes": nodes,
        "rewards": rewards or {},
        "ok": True,
        **fields,
    }


TWO_TURNS = [
    node(None, "user", "hi", [1, 2]),
    node(0, "assistant", "a", [9, 3, 4], True, scaffold=1, logprobs=[-1.0, -2.0]),
    node(1, "tool", "t", [5, 6, 7]),
    node(2, "assistant", "b", [8], True, logprobs=[-3.0]),
]
ONE = [node(None, "user", "hi", [1]), node(0, "assistant", "c", [2, 3], True)]


def test_turns_are_steps_and_sampled_tokens_rows():
    batch = traces.batch_of([trace("x", TWO_TURNS), trace("y", ONE), trace("x", ONE)])
    assert batch.index("traj", "group").tolist() == [0, 0, 1]
    assert batch["traj.response"] == ["b", "c", "c"] and batch["group.prompt"] == ["prompt x", "prompt y"]
    assert batch.index("step", "traj").tolist() == [0, 0, 1, 2]
    assert batch.index("token", "step").tolist() == [0, 0, 1, 2, 2, 3, 3]
    assert batch["token.id"].tolist() == [3, 4, 8, 2, 3, 2, 3]
    assert batch["token.behavior_logprob"].tolist()[:3] == [-1.0, -2.0, -3.0]
    assert batch["traj.input_ids"][0].tolist() == [1, 2, 9, 3, 4, 5, 6, 7, 8]
    index = batch.index("token", "traj").tolist()
    for row, (at, place) in enumerate(zip(index, batch["token.position"].tolist(), strict=True)):
        assert batch["traj.input_ids"][at][place] == batch["token.id"][row]


def test_rewards_keep_their_names_and_weights_come_apart():
    rows = [
        trace("x", ONE, {"f": {"score": 1.0, "weight": 2.0}, "g": None}, metrics={"m": 3.0}),
        trace("x", ONE, {"f": {"score": 0.5, "weight": 2.0}, "g": {"score": 4.0}}),
        trace("x", ONE, {"f": {"score": 9.0, "weight": 2.0}}, ok=False),
    ]
    batch = traces.batch_of(rows)
    assert batch["traj.reward/f"].nan_to_num(-1).tolist() == [1.0, 0.5, -1.0]
    assert batch["traj.reward/g"].nan_to_num(-1).tolist() == [-1.0, 4.0, -1.0]
    assert batch["traj.metric/m"].nan_to_num(-1).tolist() == [3.0, -1.0, -1.0]
    assert traces.weights_of(rows) == {"f": 2.0, "g": 1.0}
    with pytest.raises(GuerdonError, match=r"'f' must have one weight in all traces, got 2.0 and 1.0"):
        traces.weights_of([*rows, trace("x", ONE, {"f": {"score": 1.0}})])


def test_of_several_leaves_the_last_path_stands_for_the_trace():
    forked = [*ONE, node(0, "assistant", "other", [7], True)]
    batch = traces.batch_of([trace("x", forked)])
    assert batch["traj.response"] == ["other"] and batch["traj.leaves"].tolist() == [2]
    assert batch["traj.input_ids"][0].tolist() == [1, 7]


def test_without_token_ids_turns_are_the_actions():
    bare = [node(None, "user", "hi"), node(0, "assistant", "a", sampled=True), node(1, "assistant", "b", sampled=True)]
    batch = traces.batch_of([trace("x", bare), trace("x", [])])
    assert batch.action == "step" and batch.index("step", "traj").tolist() == [0, 0]
    assert batch["traj.response"] == ["b", ""]


def test_limits_and_lengths_truncate():
    calls = [{"finish_reason": "length"}]
    rows = [
        trace("x", ONE, stop_condition="max_turns"),
        trace("x", ONE, calls=calls),
        trace("x", ONE, stop_condition="q"),
    ]
    assert traces.batch_of(rows)["traj.truncated"].tolist() == [True, True, False]


def test_a_sampler_that_told_no_log_probs_leaves_nan():
    batch = traces.batch_of([trace("x", [ONE[0], node(0, "assistant", "c", [2, 3], True, logprobs=[])])])
    assert all(math.isnan(value) for value in batch["token.behavior_logprob"].tolist())
    assert batch["token.behavior_logprob"].dtype == torch.float32


def test_files_of_traces_and_of_episodes(tmp_path):
    other = trace("x", ONE, agent={"trainable": False})
    file = tmp_path / "traces.jsonl"
    file.write_text(f"{json.dumps(trace('x', ONE))}\n{json.dumps({'traces': [other, trace('y', ONE)]})}\n")
    assert [item["id"] for item in traces.read(file)] == ["tx", "ty"]
    file.write_text("{}\n")
    with pytest.raises(GuerdonError, match="line 1 must be a trace or an episode"):
        traces.read(file)
    file.write_text("no\n")
    with pytest.raises(GuerdonError, match="line 1 must be a JSON object"):
        traces.read(file)


def test_no_traces_are_an_empty_batch_and_groups_have_to_fit():
    assert traces.batch_of([]).size("group") == 0
    with pytest.raises(GuerdonError, match="each of 1 traces, got 2"):
        traces.batch_of([trace("x", ONE)], ["a", "b"])
