import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.serial import from_json, to_json
from guerdon.shaping.schedule import Schedule

DOWN = ((0.2, 1.0), (0.6, 0.0))


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Schedule(), {0.0: 1.0, 0.5: 1.0, 1.0: 1.0}),
        (Schedule(DOWN), {0.0: 1.0, 0.2: 1.0, 0.3: 0.75, 0.4: 0.5, 0.6: 0.0, 1.0: 0.0}),
        (Schedule(DOWN, "cosine"), {0.1: 1.0, 0.3: (1 + math.cos(math.pi / 4)) / 2, 0.4: 0.5, 0.7: 0.0}),
        (Schedule(DOWN, "step"), {0.1: 1.0, 0.599: 1.0, 0.6: 0.0, 2.0: 0.0}),
        (Schedule(((0, 0.0), (100, 1.0), (300, 5.0)), "step", by="step"), {99: 0.0, 100: 1.0, 299: 1.0, 300: 5.0}),
        (Schedule(((0, 0.0), (100, 1.0), (300, 5.0)), by="step"), {50: 0.5, 200: 3.0, 999: 5.0}),
    ],
)
def test_by_hand(schedule, values):
    assert {now: schedule(now) for now in values} == pytest.approx(values, abs=1e-12)
    assert from_json(to_json(schedule)) == schedule
    assert schedule.fact in ("run.progress", "run.step")


@given(st.floats(-1, 2), st.sampled_from(["linear", "cosine", "step"]))
def test_it_stays_between_its_values_and_never_rises_on_the_way_down(now, shape):
    schedule = Schedule(DOWN, shape)
    assert 0 <= schedule(now + 0.01) <= schedule(now) <= 1


@pytest.mark.parametrize("points", [(), ((0.0, 1.0), (0.0, 2.0)), ((1.0, 1.0), (0.0, 2.0)), ((0.0, math.inf),)])
def test_refused(points):
    with pytest.raises(GuerdonError, match=r"Schedule\.points must be"):
        Schedule(points)
