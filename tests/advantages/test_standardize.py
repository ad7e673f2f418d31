import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.advantages.standardize import Standardize
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged

NAN = math.nan


def advantages(piece, rewards, lengths=None, columns=None):
    batch = ragged(rewards, lengths, columns)
    return piece(batch)[piece.output].tolist()


GOLDEN = [
    (Standardize(eps=0), [[1, 0, 0, 0]], [1.5, -0.5, -0.5, -0.5]),
    (Standardize(), [[1, 0, 0, 0]], [0.75 / (0.5 + 1e-6)] + [-0.25 / (0.5 + 1e-6)] * 3),
    (Standardize(scale="none"), [[1, 0, 0, 0]], [0.75, -0.25, -0.25, -0.25]),
    (Standardize(center="leave_one_out", scale="none"), [[1, 0, 0, 0]], [1, -1 / 3, -1 / 3, -1 / 3]),
    (Standardize(eps=0, ddof=0), [[2, 0]], [1, -1]),
    # The public variants of a group of one.
    (Standardize(), [[5], [1, 1]], [0, 0, 0]),
    (Standardize(singleton="raw"), [[5], [1, 1]], [5, 0, 0]),
    (Standardize(center="leave_one_out", scale="none", singleton="raw"), [[5]], [5]),
    # Lite PPO: group mean, std of all raw rewards of the batch: var = 8 * 0.25 / 7.
    (
        Standardize(scale="batch", eps=0),
        [[1, 1, 1, 0], [0, 0, 0, 1]],
        [x / math.sqrt(2 / 7) for x in (0.25, 0.25, 0.25, -0.75, -0.25, -0.25, -0.25, 0.75)],
    ),
    # NGRPO's phantom perfect rollout.
    (Standardize(phantoms=(1.0,), eps=0), [[0] * 8], [-1 / 3] * 8),
    (Standardize(phantoms=(1.0,), eps=0), [[1] * 4], [0] * 4),
    (Standardize(phantoms=(1.0,), eps=0), [[1, 0]], [1 / math.sqrt(3), -2 / math.sqrt(3)]),
    # Unscored rows: in no statistic, advantage 0.
    (Standardize(scale="none"), [[1, NAN, 0], [NAN, 3, NAN]], [0.5, 0, -0.5, 0, 0, 0]),
    (Standardize(scale="none", singleton="raw"), [[NAN, 3]], [0, 3]),
    # A population of equal values is exactly 0 at any eps, also when it is not representable.
    (Standardize(eps=0), [[0.1, 0.1, 0.1]], [0, 0, 0]),
    (Standardize(center="batch", scale="group", eps=0), [[1, 1], [0, 1]], [0, 0, -0.75 * 2**0.5, 0.25 * 2**0.5]),
    (Standardize(center="none", scale="none"), [[3], [4, 5]], [3, 4, 5]),
    (Standardize(center="batch", scale="batch", eps=0), [[1], [2], [3]], [-1, 0, 1]),
    # verl's vectorised floor: variance 1e-8 counts as 1e-6.
    (Standardize(eps=0, ddof=0, var_floor=1e-6), [[1e-4, -1e-4]], [0.1, -0.1]),
]  # fmt: skip


@pytest.mark.parametrize(("piece", "rewards", "expected"), GOLDEN)
def test_golden(piece, rewards, expected):
    assert advantages(piece, rewards) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("singleton", ["zero", "raw"])
def test_equal_values_are_exactly_zero(singleton):
    assert advantages(Standardize(eps=0, singleton=singleton), [[0.1] * 7, [1 / 3] * 3]) == [0.0] * 10


def test_weighing_by_action_counts_long_responses_more():
    piece = Standardize(weigh_by="action", ddof=0, eps=0)
    got = advantages(piece, [[1, 0]], [30, 10])
    assert got == pytest.approx([0.57735026919, -1.73205080757])
    assert 30 * got[0] + 10 * got[1] == pytest.approx(0)


def test_weighing_by_action_ignores_masked_actions():
    mask = [True] * 30 + [False] * 20 + [True] * 10
    got = advantages(Standardize(weigh_by="action", ddof=0, eps=0), [[1, 0]], [50, 10], {"action.mask": mask})
    assert got == pytest.approx([0.57735026919, -1.73205080757])


def test_action_columns_are_compared_inside_their_group_without_masked_actions():
    piece = Standardize(scale="none", column="action.surprise", output="action.advantage")
    columns = {"token.surprise": [1.0, 3.0, 50.0, 5.0, 7.0], "action.mask": [True, True, False, True, True]}
    got = advantages(piece, [[0, 0], [0]], [2, 1, 2], columns)
    assert got == [-1, 1, 48, -1, 1]


def test_among_compares_an_outsider_with_the_group():
    piece = Standardize(scale="none", among="traj.on_policy")
    got = advantages(piece, [[1, 0, 5], [1, 2]], columns={"traj.on_policy": [True, True, False, False, False]})
    assert got == pytest.approx([0.5, -0.5, 4.5, 0, 0])


def test_by_column_groups_equal_keys():
    piece = Standardize(scale="none", by="traj.state")
    assert advantages(piece, [[1, 2], [3, 8]], columns={"traj.state": ["a", "b", "a", "b"]}) == [-1, -3, 1, 3]


def test_components_are_done_apart_and_stay_unscored():
    piece = Standardize(column="traj.reward/*", output="traj.reward/*", eps=0, ddof=0)
    batch = ragged([[0, NAN]], columns={"traj.reward/a": [1.0, 3.0], "traj.reward/b": [NAN, NAN]})
    out = piece(replace(batch, columns={k: v for k, v in batch.columns.items() if k != "traj.reward"}))
    assert out["traj.reward/a"].tolist() == [-1, 1]
    assert all(math.isnan(value) for value in out["traj.reward/b"].tolist())


def test_second_stage_leaves_unscored_rows_out():
    batch = ragged([[1, 0], [NAN, 4]])
    batch = batch.with_columns(Standardize(scale="none")(batch))
    second = Standardize(center="batch", scale="batch", column="traj.advantage", eps=0)
    # 0.5, -0.5 and 0 (alone among the scored): variance 0.25.
    assert second(batch)["traj.advantage"].tolist() == pytest.approx([1, -1, 0, 0])


def test_integer_rewards_and_empty_groups():
    batch = ragged([[], [1, 0]])
    batch = batch.with_columns({"traj.reward": torch.tensor([1, 0])})
    assert Standardize(scale="none")(batch)["traj.advantage"].tolist() == [0.5, -0.5]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"eps": -1.0}, "Standardize needs eps >= 0, var_floor >= 0 and ddof 0 or 1, got eps=-1.0"),
        ({"phantoms": (1.0,), "weigh_by": "action"}, "must be 'row' where there are phantoms"),
        ({"column": "traj.reward/*"}, "must both end with /\\* or neither"),
    ],
)
def test_bad_fields(fields, sentence):
    with pytest.raises(GuerdonError, match=sentence):
        Standardize(**fields)


def test_pattern_without_a_match():
    piece = Standardize(column="traj.reward/*", output="traj.reward/*")
    with pytest.raises(GuerdonError, match="must fit a column of the batch"):
        piece(ragged([[1.0]]))


PIECES = [
    Standardize(center=center, scale=scale, singleton=singleton, phantoms=phantoms, weigh_by=weigh_by, by=by, eps=1e-6)
    for center in ("group", "batch", "leave_one_out", "none")
    for scale in ("group", "batch", "none")
    for singleton in ("zero", "raw")
    for phantoms in ((), (10.0,))
    for weigh_by in ("row", "action")
    for by in ("group", "traj.key")
    if weigh_by == "row" or not (phantoms or center == "leave_one_out")
]
GROUPS = st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 2.0, NAN]), min_size=1, max_size=5), min_size=1, max_size=4)


def change(kind, rewards, factors):
    """The rewards after one of the four changes that ``Piece.invariant`` speaks of."""
    per_group = factors if kind.startswith("group") else [factors[0]] * len(rewards)
    pairs = zip(rewards, per_group, strict=False)
    if kind.endswith("scale"):
        return [[reward * factor for reward in group] for group, factor in pairs]
    return [[reward + factor for reward in group] for group, factor in pairs]


@settings(deadline=None, max_examples=200)
@given(
    piece=st.sampled_from([piece for piece in PIECES if piece.invariant]),
    rewards=GROUPS,
    factors=st.lists(st.sampled_from([0.5, 2.0, 3.0]), min_size=4, max_size=4),
    data=st.data(),
)
def test_declared_invariances_hold(piece, rewards, factors, data):
    count = sum(map(len, rewards))
    lengths = data.draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    columns = {"traj.key": [f"k{i % 3}" for i in range(count)]}
    before = advantages(piece, rewards, lengths, columns)
    for kind in piece.invariant:
        after = advantages(piece, change(kind, rewards, factors), lengths, columns)
        assert after == pytest.approx(before, rel=1e-4, abs=1e-9), kind


@settings(deadline=None, max_examples=100)
@given(piece=st.sampled_from([piece for piece in PIECES if piece.acts_as]), rewards=GROUPS)
def test_acts_as_is_what_it_says(piece, rewards):
    """A piece that acts as a shift takes the same number from all scored rows (of a group)."""
    got = iter(advantages(piece, rewards, columns={"traj.key": ["k"] * sum(map(len, rewards))}))
    taken = [[reward - next(got) for reward in group] for group in rewards]
    pools = taken if piece.acts_as == "group_shift" else [[x for group in taken for x in group]]
    for pool in pools:
        scored = [x for x in pool if not math.isnan(x)]
        assert scored == pytest.approx(scored[:1] * len(scored))


def test_undeclared_invariances_do_not_hold():
    """Every change that a piece does not declare changes its result on some batch: declarations are complete."""
    batches = [
        [[1, 0, 0.5], [2, -1]], [[3, 3], [1, 2]], [[1], [2, 5]], [[1], [4]], [[2, 2], [2, 2]], [[4]],
    ]  # fmt: skip
    factors = [2.0, 3.0, 0.5, 2.0]
    weak = {"scale", "group_scale", "shift", "group_shift"}
    for piece in PIECES:
        if piece.by != "group":
            continue
        for kind in weak - piece.invariant:
            moved = False
            for rewards in batches:
                before = advantages(piece, rewards)
                after = advantages(piece, change(kind, rewards, factors))
                moved = moved or after != pytest.approx(before, rel=1e-4, abs=1e-9)
            assert moved, (piece, kind)


@settings(deadline=None, max_examples=50)
@given(rewards=st.lists(st.lists(st.floats(-3, 3), min_size=2, max_size=5), min_size=1, max_size=4))
def test_group_laws(rewards):
    """Sums to 0 in every group; RLOO is n/(n-1) times the centred reward; equivariant to permutation."""
    centred = advantages(Standardize(scale="none"), rewards)
    loo = advantages(Standardize(center="leave_one_out", scale="none"), rewards)
    start = 0
    for group in rewards:
        part = centred[start : start + len(group)]
        assert sum(part) == pytest.approx(0, abs=1e-9)
        expected = [a * len(group) / (len(group) - 1) for a in part]
        assert loo[start : start + len(group)] == pytest.approx(expected, abs=1e-9)
        start += len(group)
    turned = advantages(Standardize(scale="none"), [group[::-1] for group in rewards[::-1]])
    assert turned == pytest.approx(centred[::-1], abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(rewards=st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=6))
def test_flipping_a_binary_group_flips_its_advantage(rewards):
    flipped = advantages(Standardize(), [[1 - r for r in rewards]])
    assert flipped == pytest.approx([-a for a in advantages(Standardize(), [rewards])], abs=1e-12)
