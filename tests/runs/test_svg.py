import math
import xml.etree.ElementTree as xml

import pytest

from guerdon.runs.svg import (
    Series,
    Span,
    apart,
    line_chart,
    nice_ticks,
    number_texts,
    smoothed,
    span_chart,
    thin,
)


def test_ticks_are_round_numbers_around_the_data():
    assert nice_ticks(0.0, 1.0) == [0.0, 0.5, 1.0]
    assert nice_ticks(-0.3, 7.9) == [-5.0, 0.0, 5.0, 10.0]
    assert nice_ticks(2.0, 2.0) == [1.0, 1.5, 2.0, 2.5, 3.0]
    assert nice_ticks(0.0, 0.0)[0] <= 0.0 <= nice_ticks(0.0, 0.0)[-1]
    assert all(tick == int(tick) for tick in nice_ticks(1, 3, count=6, whole=True))


def test_tick_labels_have_equal_decimals():
    assert number_texts([0.0, 0.05, 0.1]) == ["0.00", "0.05", "0.10"]
    assert number_texts([-0.5, 0.0, 0.5]) == ["-0.5", "0.0", "0.5"]
    assert number_texts([0.0, 20000.0]) == ["0", "20k"]
    assert number_texts([0.0, 1e-5]) == ["0", "1e-05"]


def test_long_curves_are_averaged_and_gaps_stay():
    curve = thin(Series("x", list(range(4000)), [1.0] * 2000 + [math.nan] * 2000))
    assert len(curve) == 400 and curve[0][1] == 1.0 and math.isnan(curve[-1][1])
    assert smoothed([(1, 0.0), (2, 1.0)]) == [(1, 0.0), (2, 1.0)]
    zigzag = smoothed([(float(x), float(x % 2)) for x in range(100)])
    assert all(0.4 < y < 0.6 for _, y in zigzag[5:-5])


def test_a_chart_is_well_formed_and_says_its_numbers():
    series = [Series("a", [1, 2, 3], [0.0, math.nan, 1.0]), Series("b & <c>", [1, 2, 3], [1.0, 0.5, 0.25], 1)]
    root = xml.fromstring(line_chart(series, "nats", "two curves"))
    text = " ".join(root.itertext())
    assert root.get("role") == "img" and root.get("aria-label") == "two curves"
    assert "b & <c>" in text and "a, step 3: 1" in text and "nats" in text and "step" in text
    broken = [path.get("d") for path in root.iter("path") if path.get("class") == "line s0"]
    assert broken[0].count("M") == 2


def test_one_point_and_no_point():
    assert "l0.01 0" in line_chart([Series("a", [1], [0.5])], "", "one")
    assert line_chart([Series("a", [1], [math.nan])], "", "none") == ""


def test_names_keep_their_distance_and_stay_on_the_picture():
    assert apart([10.0, 11.0, 50.0], 13.0, 100.0) == [10.0, 23.0, 50.0]
    assert apart([99.0, 99.0, 100.0], 10.0, 100.0) == [80.0, 90.0, 100.0]


def test_intervals_lie_where_they_should():
    ticks = [(0.0, "0%"), (1.0, "100%")]
    rows = [Span("before", 0.5, 0.25, 0.75)]
    root = xml.fromstring(span_chart(rows, "one", ticks, lambda share: f"{100 * share:.1f}%"))
    titles = [node.text for node in root.iter("title")]
    assert titles == ["before: 50.0%, 95% interval 25.0% to 75.0%"]
    (span,) = [line for line in root.iter("line") if line.get("class") == "span s0"]
    (dot,) = root.iter("circle")
    assert float(dot.get("cx")) == pytest.approx((float(span.get("x1")) + float(span.get("x2"))) / 2, abs=0.06)


def test_a_scale_of_its_own_holds_every_finite_end_and_the_mark():
    rows = [Span("a <b>", -0.2, -0.3, -0.1), Span("b", 0.4, -math.inf, math.inf, 1)]
    root = xml.fromstring(span_chart(rows, "two", mark=0.0))
    texts = " ".join(root.itertext())
    assert "a <b>: -0.2, 95% interval -0.3 to -0.1" in texts and "interval -inf to inf" in texts
    grid = [float(line.get("x1")) for line in root.iter("line") if line.get("class") == "grid"]
    whole = next(line for line in root.iter("line") if line.get("class") == "span s1")
    assert (float(whole.get("x1")), float(whole.get("x2"))) == (grid[0], grid[-1])
    (mark,) = [line for line in root.iter("line") if line.get("class") == "mark"]
    (dot, _) = root.iter("circle")
    assert float(dot.get("cx")) < float(mark.get("x1"))


def test_a_band_is_shaded_between_its_ends_and_its_curve_is_not_smoothed():
    xs = list(range(100))
    one = Series("a", xs, [x % 2 for x in xs], 2, ([-1.0] * 100, [3.0] * 99 + [math.nan]))
    root = xml.fromstring(line_chart([one], "", "band"))
    (band,) = [path.get("d") for path in root.iter("path") if path.get("class") == "band s2"]
    assert band.startswith("M") and band.endswith("Z") and band.count("L") == 2 * 99 - 1
    assert [path.get("class") for path in root.iter("path")] == ["band s2", "line s2"]
    labels = [float(text.text) for text in root.iter("text") if text.get("text-anchor") == "end"]
    assert min(labels) <= -1 and max(labels) >= 3
