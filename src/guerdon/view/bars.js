// Small pictures: the components of a reward side by side in one bar, a histogram to drag over, values with intervals.

/** Ends of the scale that all bars of the table share: sums of what is above and below zero, and the reward itself. */
function barScale(rows, components) {
  let low = 0;
  let high = 0;
  const data = components.map((name) => rows.columns.get(`reward/${name}`)?.data).filter(Boolean);
  const total = rows.columns.get("reward")?.data;
  for (let row = 0; row < rows.size; row += 1) {
    let up = 0;
    let down = 0;
    for (const one of data) {
      const value = one[row];
      if (value > 0) up += value;
      else if (value < 0) down += value;
    }
    if (total?.[row] > up) up = total[row];
    if (total?.[row] < down) down = total[row];
    if (up > high && Number.isFinite(up)) high = up;
    if (down < low && Number.isFinite(down)) low = down;
  }
  return [low, high > low ? high : low + 1];
}

/** Components stacked from zero, each with its own colour and hatching, and a tick where the reward is. */
function rewardBar(parts, total, [low, high], { width = 96, height = 14 } = {}) {
  const x = (value) => ((Math.max(low, Math.min(high, value)) - low) / (high - low)) * (width - 2) + 1;
  const text = parts.map(([name, value]) => `${name} ${short(value)}`).join(", ");
  const root = svg("svg", {
    class: "bars",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": `${text}; reward ${short(total)}`,
  });
  root.append(svg("line", { class: "zero", x1: x(0), x2: x(0), y1: 0, y2: height }));
  let up = 0;
  let down = 0;
  parts.forEach(([name, value], at) => {
    if (!Number.isFinite(value) || value === 0) return;
    const from = value > 0 ? up : down;
    if (value > 0) up += value;
    else down += value;
    const [left, right] = [x(Math.min(from, from + value)), x(Math.max(from, from + value))];
    const look = `c${at % STYLES}`;
    root.append(
      svg(
        "rect",
        { class: `part ${look}`, x: left, y: 2, width: Math.max(1, right - left - 1), height: height - 4 },
        svg("title", {}, `${name} ${short(value)}`),
      ),
    );
    // A mark that counts the component, so that the order can be read without colour.
    for (let mark = 0; mark < at % 4; mark += 1) {
      if (right - left > 6 + 3 * mark)
        root.append(
          svg("line", { class: "mark", x1: left + 3 + 3 * mark, x2: left + 3 + 3 * mark, y1: 4, y2: height - 4 }),
        );
    }
  });
  if (Number.isFinite(total)) root.append(svg("path", { class: "total", d: `M${x(total)} 0V${height}` }));
  return root;
}

/** Which colour and marks mean which component. */
function barLegend(components) {
  return el(
    "span",
    { class: "legend" },
    components.map((name, at) =>
      el(
        "span",
        { class: "key" },
        rewardBar([...Array(at).fill(["", 0]), [name, 1]], NaN, [0, 1], { width: 22, height: 12 }),
        name,
      ),
    ),
    el(
      "span",
      { class: "key" },
      svg("svg", { class: "bars", width: 8, height: 12 }, svg("path", { class: "total", d: "M4 0V12" })),
      "reward",
    ),
  );
}

/** Bars of a column's values; dragging over them calls `pick(low, high)`. */
function histogramChart(found, { width, height = 44, name, pick, chosen }) {
  const { counts, low, high, width: step, whole } = found;
  const most = Math.max(1, ...counts);
  const base = height - 14;
  const bar = width / counts.length;
  const root = svg("svg", {
    class: "histogram",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": `values of ${name}`,
  });
  const selection = svg("rect", { class: "selection", y: 0, height: base, visibility: "hidden" });
  counts.forEach((size, at) => {
    const tall = size ? Math.max(1.5, (size / most) * (base - 3)) : 0;
    root.append(
      svg("rect", { class: "bin", x: at * bar + 0.5, y: base - tall, width: Math.max(0.5, bar - 1), height: tall }),
    );
  });
  root.append(selection, svg("line", { class: "grid", x1: 0, x2: width, y1: base, y2: base }));
  const ends = whole ? [Math.ceil(low), Math.floor(high)] : [low, high];
  root.append(
    svg("text", { x: 0, y: height - 2 }, short(ends[0])),
    svg("text", { x: width, y: height - 2, "text-anchor": "end" }, short(ends[1])),
  );
  const binOf = (event) => {
    const box = root.getBoundingClientRect();
    return Math.max(
      0,
      Math.min(counts.length - 1, Math.floor(((event.clientX - box.left) / box.width) * counts.length)),
    );
  };
  const edges = (from, to) => {
    const [left, right] = [Math.min(from, to), Math.max(from, to) + 1].map((at) => low + at * step);
    return whole ? [Math.ceil(left), Math.ceil(right) - 1] : [left, right];
  };
  let start = null;
  root.addEventListener("pointerdown", (event) => {
    start = binOf(event);
    root.setPointerCapture(event.pointerId);
  });
  root.addEventListener("pointermove", (event) => {
    const at = binOf(event);
    const [from, to] = edges(start ?? at, at);
    const range = whole && from === to ? short(from) : `${short(from)} to ${short(to)}`;
    let inside = 0;
    for (let bin = Math.min(start ?? at, at); bin <= Math.max(start ?? at, at); bin += 1) inside += counts[bin];
    tip.show(event.clientX, event.clientY, el("b", {}, range), el("p", {}, plural(inside, "rollout")));
    if (start === null) return;
    selection.setAttribute("visibility", "visible");
    selection.setAttribute("x", Math.min(start, at) * bar);
    selection.setAttribute("width", (Math.abs(at - start) + 1) * bar);
  });
  root.addEventListener("pointerup", (event) => {
    if (start === null) return;
    const bounds = edges(start, binOf(event));
    start = null;
    tip.hide();
    pick(...bounds);
  });
  root.addEventListener("pointerleave", tip.hide);
  return root;
}

/** Shares with intervals on a scale from 0 to 100%: `[{name, value, low, high, color}]`. */
function intervalChart(rows, what, width) {
  const height = 24 * rows.length + 30;
  const left = Math.min(width * 0.45, Math.max(...rows.map((row) => row.name.length)) * 6.4 + 12);
  const x = (share) => left + share * (width - left - 20);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": what });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    root.append(svg("line", { class: "grid", x1: x(share), x2: x(share), y1: 4, y2: height - 22 }));
    root.append(svg("text", { x: x(share), y: height - 6, "text-anchor": "middle" }, `${100 * share}%`));
  }
  rows.forEach(({ name, value, low, high, color }, at) => {
    const y = 4 + 24 * (at + 0.5);
    const look = `c${color % STYLES}`;
    const percent = (share) => `${(100 * share).toFixed(1)}%`;
    root.append(
      svg(
        "g",
        {},
        svg("title", {}, `${name}: ${percent(value)}, 95% interval ${percent(low)} to ${percent(high)}`),
        svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, clip(name, 30)),
        svg("line", { class: `span ${look}`, x1: x(low), x2: x(high), y1: y, y2: y }),
        svg("circle", { class: `dot ${look}`, cx: x(value), cy: y, r: 4.5 }),
      ),
    );
  });
  return root;
}
