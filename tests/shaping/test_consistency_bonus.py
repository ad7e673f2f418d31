import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping._phases import between
from guerdon.shaping.consistency_bonus import ConsistencyBonus

OPEN, CLOSE = (7, 8), (9,)


def bonus(outcomes, answers, piece=None, groups=None):
    """Responses ``0, <open>, answer.., <close>``; an answer of None has no tags."""
    ids, logprobs, lengths = [], [], []
    for answer in answers:
        inner = [] if answer is None else answer
        row = [0, 0] if answer is None else [0, 7, 8, *[1] * len(inner), 9]
        ids += row
        lengths.append(len(row))
        logprobs += [-9.0] * len(row) if answer is None else [-9.0] * 3 + [math.log(p) for p in inner] + [-9.0]
    flat = [value for group in groups or [outcomes] for value in group]
    columns = {"traj.reward/correct": flat, "token.ema_logprob": logprobs, "token.id": torch.tensor(ids)}
    batch = ragged(groups or [outcomes], lengths, columns)
    return (piece or ConsistencyBonus(OPEN, CLOSE))(batch)["traj.reward/consistency"].tolist()


def test_likely_answers_among_the_right_ones():
    assert bonus([1.0, 1, 0, 1], [[0.9, 0.9], [0.5], [0.99], [0.99]]) == [0.5, 0, 0, 0.5]


def test_nobody_right_or_nobody_scored():
    assert bonus([0.0, 0.0, 0.1], [[0.9], [0.5], [0.9]]) == [0, 0, 0]
    assert bonus([math.nan, math.nan], [[0.9], [0.5]]) == [0, 0]
    assert bonus([math.nan, 1.0], [[0.99], [0.5]]) == [0, 0.5]


def test_partial_outcomes_pay_in_proportion_and_must_reach_the_mean():
    assert bonus([0.6, 0.4, 0.0], [[0.9], [0.9], [0.9]]) == pytest.approx([0.3, 0.2, 0])
    assert bonus([1.0, 0.4], [[0.9], [0.9]]) == [0.5, 0]


def test_without_an_answer_there_is_no_likelihood():
    assert bonus([1.0, 1.0, 1.0], [None, [], [0.5]]) == [0, 0, 0.5]


def test_groups_stay_apart_and_the_cap_and_the_margin_count():
    assert bonus(None, [[0.9], [0.2], [0.3]], groups=[[1.0], [1.0, 1.0]]) == [0.5, 0, 0.5]
    assert bonus([1.0, 1.0], [[0.95], [0.99]]) == [0.5, 0.5]
    assert bonus([1.0, 1.0], [[0.90], [0.91]], ConsistencyBonus(OPEN, CLOSE, margin=0.0)) == [0, 0.5]
    assert bonus([1.0, 1.0], [[0.90], [0.91]]) == [0.5, 0.5]


def test_the_answer_is_behind_the_last_opening_tag():
    ids = torch.tensor([7, 8, 1, 9, 7, 8, 2, 3, 9, 4, 7, 8, 5, 9, 1, 7])
    batch = ragged([[1.0] * 4], [10, 3, 3, 0], {"token.id": ids})
    assert between(batch, OPEN, CLOSE).int().tolist() == [0] * 6 + [1, 1, 0, 0] + [0, 0, 0] + [0, 0, 0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"opening": ()}, "needs ids of an opening"), ({"closing": ()}, "closing tag"), ({"cap": 0.0}, r"cap must lie")],
)
def test_bad_fields(fields, message):
    with pytest.raises(GuerdonError, match=message):
        ConsistencyBonus(**{"opening": OPEN, "closing": CLOSE, **fields})
