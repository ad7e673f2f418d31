// The first view: what was run and how it ended, what to look at, evaluations, recipes and where they differ.

function showOverview(host) {
  const { runs, notices } = app.meta;
  host.replaceChildren(
    ...[
      ...runs.map(runCard),
      notices.length ? noticeList(notices) : null,
      evaluationPart(runs, host.clientWidth),
      runs.length > 1 ? recipeDifferences(runs) : null,
      ...runs.map((run) =>
        el(
          "details",
          { class: "recipe" },
          el("summary", {}, `Recipe${runs.length > 1 ? ` of ${run.name}` : ""}`),
          el("pre", {}, JSON.stringify(run.recipe, null, 2)),
        ),
      ),
    ].filter(Boolean),
  );
}

function runCard(run) {
  const facts = [
    ["steps", `${count(run.done)} of ${count(run.steps ?? run.done)}`],
    ["rollouts stored at steps", brief(run.rollout_steps)],
    ["checkpoints", brief(run.checkpoint_steps)],
    ...run.facts,
  ];
  return el(
    "section",
    { class: "run", "aria-label": `run ${run.name}` },
    el(
      "h1",
      {},
      run.name,
      " ",
      el("span", { class: `state ${/^[a-z]+$/.test(run.status) ? run.status : ""}` }, run.status),
    ),
    run.reason && el("p", { class: "problem" }, run.reason),
    run.warnings.map((text) => el("p", { class: "caution" }, text)),
    pairs(
      facts.map(([name, value]) => [name, String(value ?? "–")]),
      { class: "pairs facts" },
    ),
  );
}

/** Steps in a few words: all of them if few, else their ends and number. */
function brief(steps) {
  if (!steps.length) return "none";
  return steps.length <= 8 ? steps.join(", ") : `${steps[0]} to ${steps.at(-1)}, ${steps.length} in all`;
}

/** What a reader should look at first; a click shows the rows that are meant. */
function noticeList(notices) {
  const several = app.meta.runs.length > 1;
  const order = (level) => (level === "warning" ? 0 : 1);
  const items = [...notices]
    .sort((a, b) => order(a.level) - order(b.level))
    .map((notice) => {
      const filters = filtersOf(notice);
      const text = [
        el("span", { class: `flag ${notice.level === "warning" ? "bad" : "note"}` }, notice.level),
        " ",
        several && el("b", {}, `${app.meta.runs[notice.run]?.name}: `),
        notice.text,
      ];
      return el(
        "li",
        {},
        filters
          ? button(text, () => change({ ...START_ROWS, filters, view: "rollouts" }, true), { class: "notice" })
          : el("span", { class: "notice" }, text),
      );
    });
  return el("section", {}, el("h2", {}, "Notices"), el("ul", { class: "notices" }, items));
}

const START_ROWS = { query: "", row: null, group: false, sort: [] };

/** Ranges of the table's columns that show what a notice speaks of; null if it names none. */
function filtersOf({ filter, run, steps }) {
  if (!filter && !steps?.length) return null;
  const filters = ranges();
  if (app.meta.runs.length > 1 && Number.isInteger(run)) filters.run = [run, run];
  if (steps?.length && !filter?.step) filters.step = [Math.min(...steps), Math.max(...steps)];
  for (const [name, wanted] of Object.entries(filter ?? {})) {
    const column = app.rows.columns.get(name);
    if (!column) continue;
    if (Array.isArray(wanted)) filters[name] = [wanted[0] ?? null, wanted[1] ?? null];
    else if (wanted && typeof wanted === "object") filters[name] = [wanted.min ?? null, wanted.max ?? null];
    else if (typeof wanted === "string")
      filters[name] = [column.labels?.indexOf(wanted) ?? null, column.labels?.indexOf(wanted) ?? null];
    else filters[name] = [Number(wanted), Number(wanted)];
  }
  return filters;
}

/** Table and picture of pass@k with intervals. */
function evaluationPart(runs, width) {
  const entries = runs.flatMap((run) =>
    Object.entries(run.evaluation ?? {})
      .filter(([, what]) => what && typeof what === "object" && what.pass_at)
      .map(([when, what]) => ({ name: runs.length > 1 ? `${run.name}: ${when}` : when, what })),
  );
  if (!entries.length) return null;
  const ks = [...new Set(entries.flatMap(({ what }) => Object.keys(what.pass_at)))].sort((a, b) => a - b);
  const percent = (share) => (Number.isFinite(share) ? (100 * share).toFixed(1) : "–");
  const cell = (found) =>
    found
      ? [
          el("b", {}, `${percent(found.value)}%`),
          " ",
          el("small", {}, `[${percent(found.low)}, ${percent(found.high)}]`),
        ]
      : "–";
  const table = sheet(
    ["", ...ks.map((k) => `pass@${k}`), "problems", "unscored"],
    entries.map(({ name, what }) => [
      name,
      ...ks.map((k) => cell(what.pass_at[k])),
      `${short(what.problems)} × ${short(what.samples)}`,
      short(what.unscored),
    ]),
  );
  const rows = ks.flatMap((k) =>
    entries
      .map(({ name, what }, color) => ({ name: `${name} pass@${k}`, ...what.pass_at[k], color }))
      .filter((row) => Number.isFinite(row.value)),
  );
  return el(
    "section",
    {},
    el("h2", {}, "Evaluation"),
    el("p", { class: "soft" }, "Held-out problems; 95% bootstrap intervals over problems in brackets."),
    el(
      "div",
      { class: "beside" },
      el("div", { class: "scroll" }, table),
      el(
        "figure",
        { class: "card" },
        intervalChart(rows, "pass@k with 95% intervals", Math.min(520, Math.max(300, width - 60))),
      ),
    ),
  );
}

/** The settings in which the recipes differ. */
function recipeDifferences(runs) {
  const flat = runs.map((run) => flatten(run.recipe));
  const keys = [...new Set(flat.flatMap((one) => [...one.keys()]))].filter(
    (key) => new Set(flat.map((one) => one.get(key))).size > 1,
  );
  const body = keys.length
    ? el(
        "div",
        { class: "scroll" },
        sheet(
          ["setting", ...runs.map((run) => run.name)],
          keys.slice(0, 200).map((key) => [key, ...flat.map((one) => one.get(key) ?? "–")]),
        ),
      )
    : el("p", { class: "soft" }, "The recipes are equal.");
  return el("section", {}, el("h2", {}, "What differs between the recipes"), body);
}

function flatten(value, path = "", out = new Map()) {
  if (value && typeof value === "object" && Object.keys(value).length) {
    for (const [key, one] of Object.entries(value)) flatten(one, path ? `${path}.${key}` : key, out);
  } else out.set(path, JSON.stringify(value) ?? "–");
  return out;
}
