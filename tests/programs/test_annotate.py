import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.programs.annotate import Annotator, RunningThreshold, intrinsic, labeler, ranking_loss
from guerdon.programs.chat import ScriptedChat


def test_a_repeated_caption_pays_less_each_time():
    table = {"a": 1.0, "b": 0.0}
    got = intrinsic(["a", "b", "a", "a"], [0, 1, 0, 0], lambda caption: table[caption])
    np.testing.assert_allclose(got, [0.4, 0.1, 0.4 / 8, 0.4 / 27])


def test_counts_begin_anew_in_every_episode_and_empty_captions_pay_nothing():
    got = intrinsic(["a", "a", "a", "", None], [0.0] * 5, lambda caption: 1.0, [0, 0, 1, 1, 1], beta=1.0)
    np.testing.assert_allclose(got, [0.4, 0.2, 0.4, 0, 0])
    assert len(intrinsic([], [], lambda caption: 1.0)) == 0
    with pytest.raises(GuerdonError, match="caption per step"):
        intrinsic(["a"], [], lambda caption: 1.0)


def test_a_tie_at_equal_rewards_costs_log_two():
    assert ranking_loss(np.zeros(1), np.zeros(1), np.array([0.5])) == pytest.approx(math.log(2))
    better = ranking_loss(np.array([0.0]), np.array([2.0]), np.array([1.0]))
    assert better == pytest.approx(math.log1p(math.exp(-2))) and better < ranking_loss([0.0], [2.0], [0.0])


@given(st.lists(st.lists(st.floats(-100, 100), min_size=1, max_size=5), min_size=1, max_size=5))
def test_running_moments_are_those_of_the_stream(parts):
    running = RunningThreshold(count=1e-12, var=0.0)
    for part in parts:
        running.update(np.array(part))
    stream = np.concatenate([np.array(part) for part in parts])
    assert running.mean == pytest.approx(stream.mean(), abs=1e-6)
    assert running.var == pytest.approx(stream.var(), abs=1e-6)


def test_what_is_far_below_the_mean_is_no_reward():
    running = RunningThreshold(mean=1.0, var=4.0)
    np.testing.assert_allclose(running(np.array([-3.0, 0.0, 0.5, 3.0])), [0.0, 0.0, -0.25, 1.0])
    np.testing.assert_allclose(RunningThreshold(mean=1.0, var=4.0, off=True)(np.array([-3.0])), [-3.0])
    assert RunningThreshold(var=0.0)(np.ones(2)).tolist() == [0, 0]


def test_labels_come_from_the_marker():
    replies = ["It is. <helpful>", "no marker", "<helpful>? No. <useless>", "<useless>? No: <helpful>"]
    assert labeler(ScriptedChat(replies), "win")(["a", "b", "c", "d"]) == [1, 0, 0, 1]


def test_the_newest_captions_are_labeled_first_and_the_agent_does_not_wait():
    gate, seen = threading.Event(), []

    def label(captions):
        gate.wait(5)
        seen.append(list(captions))
        return [1.0] * len(captions)

    with Annotator(label, batch=2) as annotator:
        annotator.put(["first"])
        while not annotator._busy:
            pass
        annotator.put(["old", "new", "", "newer", "new"])
        assert annotator.reward("first") == 0.0
        gate.set()
        assert annotator.wait(5)
        assert seen == [["first"], ["new", "newer"], ["old"]]
        annotator.put(["first"])
        assert annotator.wait(5) and len(seen) == 3
    assert annotator.reward("new") == 1.0 and set(annotator.labels()) == {"first", "old", "new", "newer"}


@pytest.mark.parametrize("label", [lambda captions: 1 / 0, lambda captions: []])
def test_a_dead_worker_blocks_nobody(label):
    with Annotator(label) as annotator:
        annotator.put(["a"])
        assert not annotator.wait(5) and annotator.error
        annotator.put(["b"])
        assert annotator.reward("a") == 0.0
        annotator.restore({"a": 1.0})
        assert annotator.reward("a") == 1.0


def test_a_call_needs_captions():
    with pytest.raises(GuerdonError, match="at least 1"):
        Annotator(lambda captions: [], batch=0)


def success_in_corridor(rhat, put, beta, seed=0, rooms=6, horizon=24, batches=250, together=8):
    """REINFORCE in a corridor whose end is the goal, and whose beginning has gold to look at again and again."""
    chance, logits = np.random.default_rng(seed), np.zeros((rooms, 2))
    reached = []
    for _ in range(batches):
        gradient, gained, played = np.zeros_like(logits), [], []
        for _ in range(together):
            room, rows, captions = 0, [], []
            while len(rows) < horizon and room < rooms - 1:
                right = chance.random() < 1 / (1 + np.exp(logits[room, 0] - logits[room, 1]))
                rows.append((room, int(right)))
                room = max(room + (1 if right else -1), 0)
                captions.append("gold" if room == 0 else f"room {room}")
            put(captions)
            outer = [float(room == rooms - 1 and step == len(rows) - 1) for step in range(len(rows))]
            rewards = intrinsic(captions, outer, rhat, beta=beta, c_ext=0.0)
            played.append((rows, np.cumsum(rewards[::-1])[::-1]))
            reached.append(room == rooms - 1)
            gained.append(rewards.sum())
        for rows, returns in played:
            for (room, action), value in zip(rows, returns, strict=True):
                chosen = np.exp(logits[room]) / np.exp(logits[room]).sum()
                gradient[room] += (np.eye(2)[action] - chosen) * (value - np.mean(gained) / 2)
        logits += 0.1 * gradient / together
    return float(np.mean(reached[-200:]))


def test_the_episodic_count_keeps_an_agent_from_farming_a_caption():
    asked = []

    def label(captions):
        asked.extend(captions)
        return [1.0] * len(captions)

    with Annotator(label) as annotator:
        put = lambda captions: (annotator.put(captions), annotator.wait(5))  # noqa: E731
        farming, exploring = (success_in_corridor(annotator.reward, put, beta) for beta in (0.0, 3.0))
    assert farming < 0.2 and exploring > 0.8, (farming, exploring)
    assert len(asked) == len(set(asked)) <= 6
