// The curves of every metric, runs overlaid; components stacked over steps; the numbers of all runs in a table.

function showCurves(host) {
  const { runs } = app.meta;
  const state = store.state;
  const shown = runs.filter((run) => !state.hidden.includes(run.id));
  const legend =
    runs.length > 1 ? el("div", { class: "legend", role: "group", "aria-label": "Runs" }, runs.map(runToggle)) : null;
  const slider = el("input", {
    type: "range",
    min: 0,
    max: 0.98,
    step: 0.02,
    value: String(state.smooth),
    id: "smooth",
    on: { input: () => change({ smooth: Number(slider.value) }) },
  });
  const value = el("output", { for: "smooth" }, state.smooth.toFixed(2));
  const body = el("div");
  host.replaceChildren(el("div", { class: "tools" }, legend, el("label", {}, "Smoothing ", slider, " ", value)), body);
  app.redraw = () => {
    value.textContent = store.state.smooth.toFixed(2);
    timed("curves", () => drawCurves(body, shown, app.meta.charts));
  };
  app.redraw();
}

function runToggle(run) {
  const on = !store.state.hidden.includes(run.id);
  const flip = () => {
    const { hidden } = store.state;
    change({ hidden: on ? [...hidden, run.id] : hidden.filter((one) => one !== run.id) });
  };
  return button([sample({ color: run.id, dash: run.id }), run.name], flip, {
    class: "key",
    "aria-pressed": String(on),
  });
}

function drawCurves(body, runs, charts) {
  const opened = body.querySelector("details.more")?.open ?? false;
  const width = cardWidth(body);
  const card = (chart) => curveCard(chart, runs, width);
  const main = charts
    .filter((chart) => !chart.more)
    .flatMap((chart) => [
      card(chart),
      ...(chart.title === "Reward components" ? runs.map((run) => stackCard(chart, run, runs, width)) : []),
    ])
    .filter(Boolean);
  const rest = charts.filter((chart) => chart.more);
  const grid = el("div", { class: "grid" });
  const more = rest.length
    ? el(
        "details",
        {
          class: "more",
          open: opened,
          on: { toggle: () => more.open && !grid.childElementCount && grid.append(...rest.map(card).filter(Boolean)) },
        },
        el("summary", {}, `More metrics (${rest.length})`),
        grid,
      )
    : null;
  if (opened) grid.append(...rest.map(card).filter(Boolean));
  body.replaceChildren(
    ...[
      main.length ? el("div", { class: "grid" }, main) : el("p", { class: "soft" }, "No metrics yet."),
      more,
      numbersTable(runs, charts),
    ].filter(Boolean),
  );
}

/** The width of a chart, so that its text keeps its size. */
function cardWidth(host) {
  const room = host.clientWidth || 1200;
  const columns = Math.max(1, Math.floor((room + 16) / 396));
  return Math.floor((room - 16 * (columns - 1)) / columns) - 30;
}

function seriesOf(names, runs) {
  const wanted = new Set(runs.map((run) => run.id));
  const several = app.meta.runs.length > 1;
  return app.meta.metrics.series
    .filter((one) => names.includes(one.name) && wanted.has(one.run))
    .map((one) => {
      const part = names.length > 1 ? one.name.split("/").at(-1) : "";
      const place = names.indexOf(one.name);
      const run = several ? app.meta.runs[one.run].name : "";
      // With several runs the colour is the run's; the dash tells metrics apart where a chart has several of them.
      return {
        name: [run, part].filter(Boolean).join(" ") || one.name,
        xs: one.step,
        ys: one.value.map((y) => y ?? NaN),
        color: several ? one.run : place,
        dash: names.length > 1 ? place : one.run,
      };
    });
}

function curveCard({ title, unit, names }, runs, width) {
  const chart = lineChart({
    series: seriesOf(names, runs),
    unit,
    what: `${title} over steps`,
    width,
    smooth: store.state.smooth,
  });
  return chart && el("figure", { class: "card" }, el("figcaption", {}, title), chart);
}

function stackCard({ unit, names }, run, runs, width) {
  const series = seriesOf(names, [run]).map((one, at) => ({
    ...one,
    name: names.length > 1 ? one.name.replace(`${run.name} `, "") : one.name,
    color: at,
    dash: at,
  }));
  const of = app.meta.runs.length > 1 ? ` of ${run.name}` : "";
  const chart = lineChart({ series, unit, stacked: true, what: `Reward components${of}, stacked`, width });
  return chart && el("figure", { class: "card" }, el("figcaption", {}, `Components stacked${of}`), chart);
}

/** Last values, and means of the last tenth, of every metric. */
function numbersTable(runs, charts) {
  if (!runs.length) return null;
  const names = charts.flatMap((chart) => chart.names);
  const of = new Map(app.meta.metrics.series.map((one) => [`${one.run} ${one.name}`, one.value]));
  const cells = (name) =>
    runs.map((run) => {
      const values = (of.get(`${run.id} ${name}`) ?? []).filter((value) => value !== null);
      const tail = values.slice(-Math.max(1, Math.round(values.length / 10)));
      return values.length ? tail.reduce((sum, one) => sum + one, 0) / tail.length : null;
    });
  const rows = names.map((name) => {
    const found = cells(name);
    const gap = runs.length === 2 && found[0] !== null && found[1] !== null ? found[1] - found[0] : null;
    const change = gap === null ? "–" : `${gap > 0 ? "+" : ""}${short(gap)}`;
    return [name, ...found.map(short), ...(runs.length === 2 ? [change] : [])];
  });
  const headings = ["metric", ...runs.map((run) => run.name), ...(runs.length === 2 ? ["difference"] : [])];
  return el(
    "details",
    { class: "numbers", open: runs.length > 1 },
    el("summary", {}, "Numbers: mean of the last tenth of the steps"),
    el("div", { class: "scroll" }, sheet(headings, rows)),
  );
}
