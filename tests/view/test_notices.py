import json

import numpy as np
import pytest
from fake_runs import control_batch, text_batch
from hypothesis import given
from hypothesis import strategies as st
from test_rows import part_of

from guerdon.view import notices as module
from guerdon.view.notices import (
    Table,
    collapsed,
    correlation,
    dominating,
    drifting,
    duplicates,
    errors,
    no_signal,
    notices,
    shares,
    spread_of,
    truncation,
    unscored,
)
from guerdon.view.rows import Rows

NAN = float("nan")
REWARDS = st.sampled_from([0.0, 1.0, 0.1, -2.5, NAN])


def table(step=(1, 1, 1, 1), group=(0, 0, 1, 1), **columns) -> Table:
    arrays = {
        name: {key: np.array(each, float) for key, each in values.items()}
        if name == "components"
        else values
        if name == "error"
        else np.array(values)
        for name, values in columns.items()
    }
    return Table(np.array(step), np.array(group), **arrays)


def test_shares_of_the_variance_by_hand():
    """r = a + 2 b with independent a, b of variance 1/4 and 1/4: shares 1/5 and 4/5."""
    a, b = [0, 0, 1, 1], [0, 1, 0, 1]
    reward = [x + 2 * y for x, y in zip(a, b, strict=True)]
    given = table(reward=reward, components={"a": a, "b": b, "still": [1, 1, 1, 1]})
    found = shares(given, np.arange(4))
    assert found == pytest.approx({"a": 0.2, "b": 0.8, "still": 0.0}, abs=1e-9)
    masked = table((1,) * 5, (0,) * 5, reward=[*reward, NAN], components={"a": [*a, 1], "b": [*b, NAN]})
    assert shares(masked, np.arange(5)) == pytest.approx({"a": 0.2, "b": 0.8}, abs=1e-9)


def test_no_shares_where_the_reward_is_no_sum_or_does_not_vary():
    product = table(reward=[0, 0, 0, 1], components={"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]})
    assert shares(product, np.arange(4)) == {}
    assert shares(table(reward=[1.0] * 4, components={"a": [0, 0, 1, 1]}), np.arange(4)) == {}


def test_a_component_that_dominates_is_named_with_its_share():
    big, small = [0, 0, 10, 10], [0, 1, 0, 1]
    (found,) = dominating(
        table(reward=[x + y for x, y in zip(big, small, strict=True)], components={"big": big, "small": small})
    )
    assert found == {
        "kind": "dominating",
        "level": "warning",
        "text": "big makes up 99% of the variance of the reward at step 1, and at least 95% at 1 of 1 stored step; "
        "the others vary, but hardly count",
        "steps": [1],
    }
    (still,) = dominating(table(reward=big, components={"big": big, "still": [1] * 4}))
    assert still["level"] == "note" and "do not vary" in still["text"]
    even = table(reward=[x + y for x, y in zip(small, big, strict=True)], components={"a": small, "b": small[::-1]})
    assert list(dominating(even)) == list(dominating(table(reward=big, components={"big": big}))) == []


def test_a_component_that_dominates_only_once_is_not_worth_a_notice():
    count = 40
    steps, groups = np.arange(count) // 4, np.arange(count) // 2
    a, b = np.tile([0, 0, 1, 1], 10), np.tile([0, 1, 0, 1], 10)
    weight = np.where(steps == 3, 10, 1)
    given = table(steps, groups, reward=weight * a + b, components={"a": weight * a, "b": b})
    assert list(dominating(given)) == []


def test_the_spread_within_groups_by_hand():
    given = table(group=(0, 0, 1, 2), reward=[0.0, 1.0, 5.0, NAN])
    assert spread_of(given, np.arange(4)) == 0.5
    assert spread_of(given, np.array([2, 3])) is None and spread_of(given, np.array([3])) is None


@pytest.mark.parametrize(("end", "level"), [(1.0, "note"), (0.0, "warning")])
def test_a_spread_that_collapsed(end, level):
    steps, groups = np.repeat([1, 2, 3], 4), np.repeat(np.arange(6), 2)
    reward = [0, 1, 0, 1, 0, 1, end, end, end, end, end, end]
    (found,) = collapsed(table(steps, groups, reward=np.array(reward, float)))
    assert (found["kind"], found["level"], found["steps"]) == ("collapsed", level, [3])
    assert "fell from 0.5 at step 1 to 0 at step 3, while the mean reward went from 0.5 to" in found["text"]


def test_a_spread_that_came_back_or_never_was_is_no_collapse():
    steps, groups = np.repeat([1, 2, 3], 2), np.repeat(np.arange(3), 2)
    assert list(collapsed(table(steps, groups, reward=np.array([0.0, 1, 1, 1, 0, 1])))) == []
    assert list(collapsed(table(steps, groups, reward=np.ones(6)))) == []


def test_correlation_is_that_inside_of_groups(monkeypatch):
    monkeypatch.setattr(module, "FEW", 4)
    # Between the groups length falls with reward; inside of them it rises with it.
    given = table(reward=[0.0, 1.0, 5.0, 6.0], length=[30, 40, 10, 20])
    assert correlation(given, np.arange(4)) == pytest.approx(1.0)
    assert correlation(table(reward=[0.0, 0.0, 1.0, 1.0], length=[3, 4, 1, 2]), np.arange(4)) is None
    assert correlation(given, np.arange(3)) is None
    (found,) = drifting(given)
    assert found["level"] == "note" and found["text"].startswith("longer responses earn more: inside of groups")
    assert "+1.00 on average (1 of 1 step by 0.3 or more), and the mean length went from 25 to 25" in found["text"]


def test_lengths_that_follow_the_reward_over_the_run_are_a_warning(monkeypatch):
    monkeypatch.setattr(module, "FEW", 2)
    given = table((1, 1, 2, 2), reward=[0.0, 1.0, 0.0, 1.0], length=[40, 30, 20, 10])
    (found,) = drifting(given)
    assert found["level"] == "warning" and found["steps"] == [1, 2] and "shorter responses earn more" in found["text"]
    unrelated = table((1, 1, 2, 2), reward=[0.0, 1.0, 0.0, 1.0], length=[40, 30, 10, 20])
    assert list(drifting(unrelated)) == []


def test_duplicates_by_share():
    (found,) = duplicates(table(duplicate=[1, 1, 0, 0]))
    assert found == {
        "kind": "duplicates",
        "level": "note",
        "text": "50% of the responses equal another of their group at step 1",
        "steps": [1],
        "filter": {"duplicate": [1, None]},
    }
    (found,) = duplicates(table((1, 1, 2, 2), duplicate=[3, 1, 0, 1]))
    assert found["level"] == "warning" and found["text"].endswith("at step 1 (50% at step 2)")
    assert list(duplicates(table(duplicate=[0, 0, 0, 1]))) == [] and list(duplicates(table())) == []


def test_groups_without_signal_are_counted_as_groups():
    """A group of three with signal, two of two without: 2 of 3, not 4 of 7; a group of one has no part in it."""
    group, reward = (0, 0, 0, 1, 1, 2, 2, 3), [0.0, 1.0, 1.0, 1.0, 1.0, NAN, 0.0, 0.0]
    (found,) = no_signal(table((5,) * 8, group, reward=reward))
    assert found["text"] == "67% of the groups have no two different rewards at step 5" and found["level"] == "note"
    assert found["filter"] == {"signal": [0, 0]}
    assert list(no_signal(table(reward=[0.0, 1.0, 0.0, 1.0]))) == []


def test_unscored_rollouts_and_their_commonest_errors():
    given = table(reward=[NAN, NAN, NAN, 1.0], error=["b", "a", "b", ""])
    (found,) = unscored(given)
    assert found["text"] == "75% of the rollouts could not be scored at step 1, most often: b (2), a (1)"
    assert found["level"] == "warning" and found["filter"] == {"unscored": [1, 1]}
    assert list(errors(given)) == [] and list(unscored(table(reward=[0.0] * 4, error=[""] * 4))) == []


def test_errors_of_rollouts_that_have_a_reward_all_the_same():
    (found,) = errors(table(reward=[1.0, 1.0, NAN, 1.0], error=["a", "", "b", "a"]))
    assert found["text"] == "2 rollouts of 4 have a reward although an error was noted, most often: a (2)"


def test_truncation():
    (found,) = truncation(table(truncated=[True, False, False, False]))
    assert found["level"] == "note" and found["text"] == "25% of the responses were cut off at step 1"
    assert list(truncation(table(truncated=[False] * 4))) == []


def test_notices_of_stored_runs(tmp_path):
    """Episodes that end at their time limit are no truncated responses; a run has only its own notices."""
    text = text_batch(4, 10, 0)
    rows = Rows((part_of(tmp_path, text, run=0), part_of(tmp_path, control_batch(30, 1, 0), run=1)))
    for run in (0, 1):
        found = notices(rows, run)
        assert all(notice["run"] == run and notice["level"] in ("warning", "note") for notice in found)
        levels = [notice["level"] for notice in found]
        assert levels == sorted(levels, reverse=True)
    assert not {"truncated", "duplicates"} & {notice["kind"] for notice in notices(rows, 1)}
    assert notices(Rows(), 0) == []


def test_nothing_is_said_of_columns_that_are_not_there():
    for check in module.CHECKS:
        assert list(check(table())) == []


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2), REWARDS, REWARDS, st.integers(0, 5)), max_size=40))
def test_no_table_makes_a_sentence_with_a_number_that_is_none(lines):
    columns = list(zip(*lines, strict=True)) or [[], [], [], [], []]
    step, group, a, b = np.array(columns[0], int), np.array(columns[1], int), np.array(columns[2]), np.array(columns[3])
    group = np.unique(step * 3 + group, return_inverse=True)[1].reshape(-1)
    length = np.array(columns[4], np.int32)
    given_table = Table(step, group, a + b, {"a": a, "b": b}, length, length, length > 2, [""] * len(lines))
    found = [notice for check in module.CHECKS if lines for notice in check(given_table)]
    for notice in found:
        assert "nan" not in notice["text"] and "inf" not in notice["text"] and notice["steps"]
        assert set(notice["steps"]) <= set(step.tolist()) and notice["level"] in ("warning", "note")
    json.dumps(found, allow_nan=False)
