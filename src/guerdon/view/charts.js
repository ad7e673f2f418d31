// Charts as SVG: lines with a crosshair, stacked areas, intervals, histograms and the little bars of reward components.

const STYLES = 8;
const POINTS = 500;
/** Longer curves are drawn from as many means. */
const crosshairs = new Set();

/** Round numbers that enclose both ends, in steps of 1, 2 or 5 times a power of ten. */
function ticksOf(low, high, wanted = 4, whole = false) {
  if (!(high > low)) {
    const pad = Math.abs(low) * 0.5 || 1;
    [low, high] = [low - pad, high + pad];
  }
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough * 0.999);
  if (whole) step = Math.max(step, 1);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
}

/** Exponential moving average of weight `weight`, corrected for its start; gaps stay gaps. */
function smoothed(ys, weight) {
  if (!weight) return ys;
  let mean = 0;
  let mass = 0;
  return ys.map((y) => {
    if (!Number.isFinite(y)) return y;
    mean = weight * mean + (1 - weight) * y;
    mass = weight * mass + (1 - weight);
    return mean / mass;
  });
}

/** At most POINTS points: means of equal parts. */
function thinned(xs, ys) {
  if (xs.length <= POINTS) return [xs, ys];
  const outX = [];
  const outY = [];
  for (let part = 0; part < POINTS; part += 1) {
    const from = Math.floor((part * xs.length) / POINTS);
    const to = Math.floor(((part + 1) * xs.length) / POINTS);
    const finite = ys.slice(from, to).filter(Number.isFinite);
    outX.push(xs[(from + to) >> 1]);
    outY.push(finite.length ? finite.reduce((sum, y) => sum + y, 0) / finite.length : NaN);
  }
  return [outX, outY];
}

function pathOf(xs, ys, x, y) {
  let text = "";
  let pen = "M";
  let single = true;
  xs.forEach((one, at) => {
    if (!Number.isFinite(ys[at])) {
      pen = "M";
      return;
    }
    single = single && pen === "M" && !text;
    text += `${pen}${x(one).toFixed(1)} ${y(ys[at]).toFixed(1)}`;
    pen = "L";
  });
  // A line of no length is not drawn, but its round cap is.
  return single && text ? `${text}l.01 0` : text;
}

/** Frame, axes and scales of a chart. */
function frame({ width, height, xs, ys, unit, across, right = 14, what }) {
  const yTicks = ticksOf(ys[0], ys[1], height < 150 ? 3 : 4);
  const texts = yTicks.map(short);
  const left = Math.max(...texts.map((text) => text.length)) * 6.3 + (unit ? 26 : 10);
  const bottom = height - (across ? 32 : 20);
  const [low, high] = xs[1] > xs[0] ? xs : [xs[0] - 0.5, xs[0] + 0.5];
  const x = (value) => left + ((value - low) / (high - low)) * (width - left - right);
  const y = (value) => bottom - ((value - yTicks[0]) / (yTicks.at(-1) - yTicks[0])) * (bottom - 8);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": what });
  yTicks.forEach((tick, at) => {
    root.append(
      svg("line", { class: tick === 0 ? "grid zero" : "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
    );
    root.append(svg("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, texts[at]));
  });
  const room = Math.max(2, Math.min(6, Math.floor((width - left - right) / 60)));
  for (const tick of ticksOf(low, high, room, true)) {
    if (tick < low || tick > high) continue;
    root.append(svg("text", { x: x(tick), y: bottom + 15, "text-anchor": "middle" }, short(tick)));
  }
  if (across)
    root.append(svg("text", { x: (left + width - right) / 2, y: bottom + 29, "text-anchor": "middle" }, across));
  const middle = (8 + bottom) / 2;
  if (unit)
    root.append(svg("text", { transform: `translate(11 ${middle}) rotate(-90)`, "text-anchor": "middle" }, unit));
  return { root, x, y, left, right: width - right, top: 8, bottom, low, high };
}

/** Positions near the wanted rising ones, at least `gap` apart, the last at most at `limit`. */
function apart(wanted, gap, limit) {
  const places = [];
  for (const want of wanted) places.push(places.length ? Math.max(want, places.at(-1) + gap) : want);
  for (let at = places.length - 1; at >= 0; at -= 1) {
    places[at] = Math.min(places[at], limit);
    limit = places[at] - gap;
  }
  return places;
}

const clip = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/**
 * Curves `{name, xs, ys, color, dash}` with names at their ends and a crosshair that all charts of one `across` share;
 * `stacked` draws them as areas on top of each other. Null if there is nothing to draw.
 */
function lineChart({
  series,
  unit = "",
  across = "step",
  what,
  width,
  height = 210,
  smooth = 0,
  stacked = false,
  detail = null,
}) {
  const drawn = series.map((one) => {
    const [xs, ys] = thinned(one.xs, stacked ? one.ys : smoothed(one.ys, smooth));
    return { ...one, line: { xs, ys }, raw: smooth && !stacked ? thinned(one.xs, one.ys) : null };
  });
  if (stacked) stackUp(drawn);
  const all = drawn
    .flatMap((one) => [...one.line.ys, ...(one.base ?? []), ...(one.raw?.[1] ?? [])])
    .filter(Number.isFinite);
  const xs = drawn.flatMap((one) => [one.xs[0], one.xs.at(-1)]).filter(Number.isFinite);
  if (!all.length) return null;
  if (stacked) all.push(0);
  const longest = Math.min(22, Math.max(...series.map((one) => one.name.length)), Math.floor((width * 0.35) / 6.6));
  const named = series.length > 1;
  const plot = frame({
    width,
    height,
    unit,
    across,
    what,
    xs: [Math.min(...xs), Math.max(...xs)],
    ys: [Math.min(...all), Math.max(...all)],
    right: named ? longest * 6.6 + 14 : 14,
  });
  for (const one of drawn) {
    const look = `c${one.color % STYLES}`;
    const dash = `d${one.dash % STYLES}`;
    if (one.base) plot.root.append(areaOf(one, plot, look));
    if (one.raw)
      plot.root.append(svg("path", { class: `raw ${look}`, d: pathOf(one.raw[0], one.raw[1], plot.x, plot.y) }));
    plot.root.append(
      svg("path", { class: `line ${look} ${dash}`, d: pathOf(one.line.xs, one.line.ys, plot.x, plot.y) }),
    );
  }
  if (named) nameEnds(drawn, plot, longest);
  follow(plot, drawn, across, detail);
  return plot.root;
}

/** Lines on top of each other: what is above zero upwards, what is below downwards. */
function stackUp(drawn) {
  const up = new Map();
  const down = new Map();
  for (const one of drawn) {
    const base = [];
    one.line.ys = one.line.xs.map((x, at) => {
      const y = Number.isFinite(one.line.ys[at]) ? one.line.ys[at] : 0;
      const side = y < 0 ? down : up;
      base.push(side.get(x) ?? 0);
      side.set(x, base.at(-1) + y);
      return side.get(x);
    });
    one.base = base;
  }
}

function areaOf(one, plot, look) {
  const { xs, ys } = one.line;
  const there = xs.map((x, at) => `${plot.x(x).toFixed(1)} ${plot.y(ys[at]).toFixed(1)}`);
  const back = xs.map((x, at) => `${plot.x(x).toFixed(1)} ${plot.y(one.base[at]).toFixed(1)}`).reverse();
  return svg("path", { class: `area ${look}`, d: `M${there.join("L")}L${back.join("L")}Z` });
}

function nameEnds(drawn, plot, longest) {
  const ends = drawn
    .map((one) => {
      const at = one.line.ys.findLastIndex(Number.isFinite);
      if (at < 0) return null;
      const from = one.base ? (one.base[at] + one.line.ys[at]) / 2 : one.line.ys[at];
      return { one, y: plot.y(from), x: plot.x(one.line.xs[at]) };
    })
    .filter(Boolean)
    .sort((a, b) => a.y - b.y);
  const places = apart(
    ends.map((end) => end.y),
    13,
    plot.bottom,
  );
  ends.forEach(({ one, x, y }, at) => {
    const look = `c${one.color % STYLES}`;
    if (plot.right - x > 12)
      plot.root.append(svg("path", { class: `lead ${look}`, d: `M${x + 3} ${y}L${plot.right + 3} ${places[at]}` }));
    plot.root.append(
      svg(
        "text",
        { class: `name ${look}`, x: plot.right + 6, y: places[at] + 4 },
        clip(one.name, longest),
        svg("title", {}, one.name),
      ),
    );
  });
}

/** The crosshair: it follows the pointer and the arrow keys, here and in all charts of the same axis. */
function follow(plot, drawn, across, detail) {
  const line = svg("line", { class: "cross", y1: plot.top, y2: plot.bottom, visibility: "hidden" });
  const dots = drawn.map((one) => svg("circle", { class: `dot c${one.color % STYLES}`, r: 3.5, visibility: "hidden" }));
  plot.root.append(
    line,
    ...dots,
    svg("rect", {
      class: "catch",
      x: plot.left,
      y: plot.top,
      width: Math.max(0, plot.right - plot.left),
      height: plot.bottom - plot.top,
    }),
  );
  const steps = [...new Set(drawn.flatMap((one) => one.line.xs))].sort((a, b) => a - b);
  let place = -1;
  const mark = (value) => {
    line.setAttribute("visibility", value === null ? "hidden" : "visible");
    dots.forEach((dot) => dot.setAttribute("visibility", "hidden"));
    if (value === null) return [];
    line.setAttribute("x1", plot.x(value));
    line.setAttribute("x2", plot.x(value));
    return drawn.flatMap((one, number) => {
      const at = one.line.xs.indexOf(value);
      if (at < 0 || !Number.isFinite(one.line.ys[at])) return [];
      dots[number].setAttribute("visibility", "visible");
      dots[number].setAttribute("cx", plot.x(value));
      dots[number].setAttribute("cy", plot.y(one.line.ys[at]));
      const exact = one.xs.length === one.line.xs.length ? one.ys[at] : one.line.ys[at];
      const smooth = one.raw ? ` (smoothed ${short(one.line.ys[at])})` : "";
      return [[one, `${short(exact)}${smooth}`]];
    });
  };
  const chart = { across, mark, range: [plot.low, plot.high], node: plot.root };
  const show = (value, x, y) => {
    const found = mark(value);
    for (const other of [...crosshairs]) {
      if (!other.node.isConnected) crosshairs.delete(other);
      else if (other !== chart && other.across === across)
        other.mark(value >= other.range[0] && value <= other.range[1] ? value : null);
    }
    const rows = found.map(([one, text]) => el("div", {}, el("dt", {}, sample(one), one.name), el("dd", {}, text)));
    tip.show(
      x,
      y,
      el("b", {}, `${across} ${short(value)}`),
      detail ? el("p", {}, detail(value)) : "",
      el("dl", { class: "pairs" }, rows),
    );
  };
  const hide = () => {
    tip.hide();
    for (const other of crosshairs) if (other.across === across) other.mark(null);
  };
  crosshairs.add(chart);
  plot.root.setAttribute("tabindex", "0");
  plot.root.addEventListener("pointermove", (event) => {
    const box = plot.root.getBoundingClientRect();
    const scale = plot.root.viewBox.baseVal.width / box.width;
    const at =
      plot.low + (((event.clientX - box.left) * scale - plot.left) / (plot.right - plot.left)) * (plot.high - plot.low);
    place = nearest(steps, at);
    show(steps[place], event.clientX, event.clientY);
  });
  plot.root.addEventListener("pointerleave", hide);
  plot.root.addEventListener("blur", hide);
  plot.root.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -steps.length, End: steps.length }[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    place = Math.max(0, Math.min(steps.length - 1, place + move));
    const box = plot.root.getBoundingClientRect();
    show(steps[place], box.left + plot.x(steps[place]), box.top + 20);
    const valueOf = ({ line }) => short(line.ys[line.xs.indexOf(steps[place])]);
    say(`${across} ${short(steps[place])}: ${drawn.map((one) => `${one.name} ${valueOf(one)}`).join(", ")}`);
  });
}

function nearest(sorted, value) {
  let low = 0;
  let high = sorted.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle;
    else high = middle;
  }
  return value - sorted[low] <= sorted[high] - value ? low : high;
}

/** A short piece of a curve, for legends. */
function sample({ color, dash }) {
  return svg(
    "svg",
    { class: "sample", width: 22, height: 8, "aria-hidden": "true" },
    svg("path", { class: `line c${color % STYLES} d${dash % STYLES}`, d: "M1 4H21" }),
  );
}
