import numpy as np
import pytest
from fake_runs import control_batch, text_batch
from test_rows import part_of

from guerdon.view.rows import Rows
from guerdon.view.selection import halvings, select


def rows_of(tmp_path, runs=2, steps=(1, 2, 3, 4, 5), groups=12):
    parts = [
        part_of(tmp_path / str(step), text_batch(groups, step, run), step, run) for run in range(runs) for step in steps
    ]
    return Rows(tuple(parts))


def test_all_are_taken_where_they_fit(tmp_path):
    rows = rows_of(tmp_path, runs=1, steps=(1,))
    assert select(rows, 96).tolist() == list(range(96))


@pytest.mark.parametrize("most", [100, 240, 8])
def test_whole_groups_of_every_run_up_to_the_limit(tmp_path, most):
    rows = rows_of(tmp_path)
    chosen = select(rows, most)
    assert len(set(chosen.tolist())) == len(chosen) <= most and (np.diff(chosen) > 0).all()
    assert set(rows.column("run")[chosen].tolist()) == {0, 1}
    if most > 8:
        assert len(chosen) > most - 16
        _, sizes = np.unique(chosen // 8, return_counts=True)
        assert set(sizes.tolist()) == {8}


def test_the_widest_groups_of_first_middle_and_last_step_are_in(tmp_path):
    rows = rows_of(tmp_path, runs=1)
    chosen = select(rows, 96)
    reward, step, group = (rows.column(name) for name in ("reward", "step", "group"))
    for each in (1, 3, 5):
        spread = {
            number: np.nanmax(values) - np.nanmin(values)
            for number in range(12)
            if len(values := reward[(step == each) & (group == number)])
        }
        widest = max(spread, key=lambda number: (spread[number], -number))
        assert widest in group[chosen][step[chosen] == each]
    assert set(step[chosen].tolist()) == {1, 2, 3, 4, 5}


def test_groups_of_one_and_groups_without_rewards(tmp_path):
    rows = Rows((part_of(tmp_path, control_batch(50, 1, 0)),))
    assert len(select(rows, 10)) == 10


@pytest.mark.parametrize("count", [0, 1, 2, 5, 8, 100])
def test_any_beginning_of_the_order_is_spread_evenly(count):
    order = halvings(count)
    assert sorted(order.tolist()) == list(range(count))
    if count == 8:
        assert order.tolist() == [0, 4, 2, 6, 1, 5, 3, 7]
