"""Line charts, bands and interval charts as SVG text: no script, no font and no colour of their own.

Idea
    Every mark has a class (``s0`` ... ``s5``) that the page's style sheet colours for light and dark; series also
    differ in dash pattern and carry their name at the end of the line, so that no colour is needed to read them.
    Hovering shows the numbers through SVG's own ``<title>``.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from guerdon.runs.markup import escape

STYLES = 6
"""How many classes there are for series; further series begin again."""
MAX_POINTS = 400
"""Longer curves are averaged down to this many points, so that a page stays small."""
MAX_HOVERS = 60
"""Places per series that answer to the pointer."""
TEXT_WIDTH, NAME_WIDTH = 6.1, 7.0
"""Width of a character at the charts' font size, in pixels; names are bold."""
NAME_LENGTH = 18
"""Longer names are cut; the whole one shows when the pointer rests on it."""


@dataclass(frozen=True)
class Series:
    """One curve."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    """Values; those that are not finite leave a gap."""
    style: int = 0
    band: tuple[Sequence[float], Sequence[float]] | None = None
    """Lower and upper ends to shade between; such a curve is drawn as it is, without a moving average."""


@dataclass(frozen=True)
class Frame:
    """Where data lie on the picture."""

    width: float
    height: float
    left: float
    right: float
    xs: tuple[float, float]
    ys: tuple[float, float]
    top: float = 8.0
    bottom: float = 34.0

    def x(self, value: float) -> float:
        """Pixel of a horizontal value."""
        low, high = self.xs
        return self.left + (value - low) / (high - low) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """Pixel of a vertical value."""
        low, high = self.ys
        return self.height - self.bottom - (value - low) / (high - low) * (self.height - self.top - self.bottom)


@dataclass(frozen=True)
class Span:
    """One row of an interval chart."""

    name: str
    value: float
    low: float
    high: float
    style: int = 0


def line_chart(
    series: Sequence[Series], unit: str, about: str, width: int = 420, height: int = 210, across: str = "step"
) -> str:
    """A chart of curves; ``unit`` and ``across`` name the axes, ``about`` is for screen readers.

    Each curve is drawn twice: as it is, faintly, and as a moving average, if it is long enough to need one.
    """
    drawn = [(one, thin(one)) for one in series]
    points = [(x, y) for _, curve in drawn for x, y in curve if math.isfinite(y)]
    if not points:
        return ""
    named = len(series) > 1
    room = min(max(len(one.name) for one in series), NAME_LENGTH) * NAME_WIDTH + 10 if named else 14
    ends = [y for one in series if one.band for side in one.band for y in side if math.isfinite(y)]
    ticks = nice_ticks(min([y for _, y in points] + ends), max([y for _, y in points] + ends))
    steps = nice_ticks(min(x for x, _ in points), max(x for x, _ in points), count=6, whole=across == "step")
    labels = number_texts(ticks)
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    frame = Frame(
        width,
        height,
        left=max(len(label) for label in labels) * TEXT_WIDTH + 26,
        right=room,
        xs=(low, high if high > low else low + 1),
        ys=(ticks[0], ticks[-1]),
    )
    parts = [*_axes(frame, list(zip(ticks, labels, strict=True)), [t for t in steps if low <= t <= high], unit, across)]
    parts += [_band(frame, one) for one in series if one.band]
    for one, curve in drawn:
        smooth = curve if one.band else smoothed(curve)
        if smooth is not curve:
            parts.append(_path(frame, curve, f"raw s{one.style % STYLES}"))
        parts.append(_path(frame, smooth, f"line s{one.style % STYLES}"))
        parts += _hovers(frame, one.name if named else "", curve, one.style, across)
    if named:
        parts += _names(frame, [(one, curve if one.band else smoothed(curve)) for one, curve in drawn])
    return _svg(width, height, about, parts)


def span_chart(
    rows: Sequence[Span],
    about: str,
    ticks: Sequence[tuple[float, str]] | None = None,
    text: Callable[[float], str] = "{:.4g}".format,
    mark: float | None = None,
    width: int = 420,
) -> str:
    """Values with intervals, one row each, on a scale of their own or with these ticks; a line at ``mark``.

    An end that is not finite, or lies beyond the ticks, is drawn to the edge.
    """
    if ticks is None:
        finite = [x for row in rows for x in (row.value, row.low, row.high, mark) if x is not None and math.isfinite(x)]
        places = nice_ticks(min(finite, default=0.0), max(finite, default=1.0))
        ticks = list(zip(places, number_texts(places), strict=True))
    height = 24 * len(rows) + 34
    names = [row.name if len(row.name) <= 2 * NAME_LENGTH else f"{row.name[: 2 * NAME_LENGTH - 1]}…" for row in rows]
    room = max(map(len, names)) * TEXT_WIDTH + 12
    edges = (ticks[0][0], ticks[-1][0])
    frame = Frame(width, height, left=room, right=18, xs=edges, ys=(0.0, float(len(rows))), bottom=24.0)
    parts = []
    for tick, label in ticks:
        x = frame.x(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{height - frame.bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - frame.bottom + 16}" text-anchor="middle">{label}</text>')
    if mark is not None and edges[0] <= mark <= edges[1]:
        x = frame.x(mark)
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{frame.top}" y2="{height - frame.bottom}"/>')
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = frame.y(len(rows) - number - 0.5)
        said = f"{row.name}: {text(row.value)}, 95% interval {text(row.low)} to {text(row.high)}"
        low, value, high = (frame.x(min(max(x, edges[0]), edges[1])) for x in (row.low, row.value, row.high))
        parts.append(
            f'<g><title>{escape(said)}</title><text x="{frame.left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">'
            f'{escape(name)}</text><line class="span s{row.style % STYLES}" y1="{y:.1f}" y2="{y:.1f}"'
            f' x1="{low:.1f}" x2="{high:.1f}"/>'
            f'<circle class="dot s{row.style % STYLES}" cx="{value:.1f}" cy="{y:.1f}" r="4.5"/></g>'
        )
    return _svg(width, height, about, parts)


def thin(series: Series) -> list[tuple[float, float]]:
    """The points of a curve, averaged in equal parts if there are too many."""
    points = [(float(x), float(y)) for x, y in zip(series.xs, series.ys, strict=True)]
    if len(points) <= MAX_POINTS:
        return points
    out = []
    for part in range(MAX_POINTS):
        chunk = points[part * len(points) // MAX_POINTS : (part + 1) * len(points) // MAX_POINTS]
        finite = [y for _, y in chunk if math.isfinite(y)]
        out.append((chunk[len(chunk) // 2][0], sum(finite) / len(finite) if finite else math.nan))
    return out


def smoothed(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Centred moving average over about a fifteenth of the curve; short curves come back as they are."""
    reach = len(points) // 30
    if reach < 1:
        return points
    out = []
    for number, (x, y) in enumerate(points):
        near = [value for _, value in points[max(number - reach, 0) : number + reach + 1] if math.isfinite(value)]
        out.append((x, sum(near) / len(near) if near and math.isfinite(y) else math.nan))
    return out


def nice_ticks(low: float, high: float, count: int = 4, whole: bool = False) -> list[float]:
    """About ``count`` round numbers that enclose ``low`` and ``high``, in steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        pad = abs(low) * 0.5 or 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    step = max(step, 1.0) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def number_texts(ticks: Sequence[float]) -> list[str]:
    """Short texts for ticks, all with the same number of decimals."""
    step = ticks[1] - ticks[0]
    largest = max(abs(tick) for tick in ticks)
    if largest >= 1e6 or largest < 1e-4:
        return [f"{tick:.2g}" if tick else "0" for tick in ticks]
    if largest >= 1e4:
        return [f"{tick / 1000:g}k" if tick else "0" for tick in ticks]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{tick + 0.0:.{decimals}f}" for tick in ticks]


def _axes(frame: Frame, ticks: list[tuple[float, str]], steps: Sequence[float], unit: str, across: str) -> list[str]:
    base = frame.height - frame.bottom
    parts = []
    for tick, label in ticks:
        y = frame.y(tick)
        parts.append(
            f'<line class="grid" x1="{frame.left:.1f}" x2="{frame.width - frame.right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(f'<text x="{frame.left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for step, label in zip(steps, number_texts(steps) if len(steps) > 1 else [f"{s:g}" for s in steps], strict=True):
        parts.append(f'<text x="{frame.x(step):.1f}" y="{base + 15:.1f}" text-anchor="middle">{label}</text>')
    middle, down = (frame.left + frame.width - frame.right) / 2, (frame.top + base) / 2
    label = f'<text class="axis" x="{middle:.1f}" y="{base + 30:.1f}" text-anchor="middle">{escape(across)}</text>'
    parts.append(label)
    if unit:
        turned = f'transform="translate(11 {down:.1f}) rotate(-90)" text-anchor="middle"'
        parts.append(f'<text class="axis" {turned}>{escape(unit)}</text>')
    return parts


def _path(frame: Frame, points: Sequence[tuple[float, float]], style: str) -> str:
    commands, pen = [], "M"
    for x, y in points:
        if not math.isfinite(y):
            pen = "M"
            continue
        commands.append(f"{pen}{frame.x(x):.1f} {frame.y(y):.1f}")
        pen = "L"
    if len(commands) == 1:
        # A line of no length is not drawn, but its round cap is.
        commands.append("l0.01 0")
    return f'<path class="{style}" d="{"".join(commands)}"/>'


def _band(frame: Frame, one: Series) -> str:
    assert one.band is not None
    ends = [
        (x, low, high)
        for x, low, high in zip(one.xs, *one.band, strict=True)
        if math.isfinite(low) and math.isfinite(high)
    ]
    there = [f"{frame.x(x):.1f} {frame.y(high):.1f}" for x, _, high in ends]
    back = [f"{frame.x(x):.1f} {frame.y(low):.1f}" for x, low, _ in reversed(ends)]
    return f'<path class="band s{one.style % STYLES}" d="M{"L".join([*there, *back])}Z"/>' if ends else ""


def _hovers(frame: Frame, name: str, points: Sequence[tuple[float, float]], style: int, across: str) -> list[str]:
    every = max(1, math.ceil(len(points) / MAX_HOVERS))
    prefix = f"{escape(name)}, " if name else ""
    return [
        f'<circle class="hover s{style % STYLES}" cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="5">'
        f"<title>{prefix}{escape(across)} {x:.4g}: {y:.4g}</title></circle>"
        for x, y in itertools.islice(points, every - 1, None, every)
        if math.isfinite(y)
    ]


def _names(frame: Frame, curves: Sequence[tuple[Series, list[tuple[float, float]]]]) -> list[str]:
    """The names beside the ends of the curves, pushed apart so that none covers another."""
    ends = []
    for one, points in curves:
        x, y = [(x, y) for x, y in points if math.isfinite(y)][-1]
        ends.append((frame.y(y), frame.x(x), one))
    ends.sort(key=lambda end: end[0])
    places = apart([wanted for wanted, _, _ in ends], 13.0, frame.height - frame.bottom)
    edge = frame.width - frame.right
    out = []
    for place, (y, x, one) in zip(places, ends, strict=True):
        style = f"s{one.style % STYLES}"
        if edge - x > 12:
            # The curve ends long before the edge: a thin line leads from it to its name.
            out.append(f'<path class="lead {style}" d="M{x + 3:.1f} {y:.1f}L{edge + 3:.1f} {place:.1f}"/>')
        text = one.name if len(one.name) <= NAME_LENGTH else f"{one.name[: NAME_LENGTH - 1]}…"
        out.append(
            f'<text class="name {style}" x="{edge + 6:.1f}" y="{place + 4:.1f}">'
            f"{escape(text)}<title>{escape(one.name)}</title></text>"
        )
    return out


def apart(wanted: Sequence[float], gap: float, limit: float) -> list[float]:
    """Rising positions near the wanted ones, at least ``gap`` from each other, the last at most at ``limit``."""
    places: list[float] = []
    for want in wanted:
        places.append(max(want, places[-1] + gap) if places else want)
    for number in reversed(range(len(places))):
        places[number] = min(places[number], limit)
        limit = places[number] - gap
    return places


def _svg(width: int, height: int, about: str, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(about)}">'
    return f"{head}{''.join(parts)}</svg>"


__all__ = ["Series", "Span", "line_chart", "span_chart"]
