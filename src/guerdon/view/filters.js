// The panel of filters beside the table, and the chips that say which of them are on. All filters are ranges.

const CHOICES = [
  [
    "truncated",
    "cut off",
    [
      ["any", null, null],
      ["yes", 1, 1],
      ["no", 0, 0],
    ],
  ],
  [
    "unscored",
    "unscored",
    [
      ["any", null, null],
      ["yes", 1, 1],
      ["no", 0, 0],
    ],
  ],
  [
    "duplicate",
    "duplicates",
    [
      ["any", null, null],
      ["yes", 1, null],
      ["no", 0, 0],
    ],
  ],
  [
    "signal",
    "group signal",
    [
      ["any", null, null],
      ["yes", 1, 1],
      ["no", 0, 0],
    ],
  ],
];
const FIRST_RANGES = ["step", "group", "problem", "length", "reward"];

function filterPanel() {
  const { rows, meta } = app;
  const shown = [...FIRST_RANGES, ...meta.components.map((name) => `reward/${name}`), "advantage"].filter((name) =>
    rows.has(name),
  );
  const rest = meta.columns
    .filter(
      ({ name, kind }) =>
        rows.has(name) &&
        (kind === "int" || kind === "float") &&
        !shown.includes(name) &&
        !["run", "duplicate"].includes(name),
    )
    .map(({ name }) => name);
  const flags = CHOICES.filter(([name]) => rows.has(name)).map((choice) => choiceField(...choice));
  return el(
    "div",
    { class: "filters" },
    searchField(),
    meta.runs.length > 1 &&
      choiceField("run", "run", [["all", null, null], ...meta.runs.map((run) => [run.name, run.id, run.id])]),
    errorField(),
    flags,
    shown.map(rangeField),
    rest.length > 0 && el("details", {}, el("summary", {}, `More columns (${rest.length})`), rest.map(rangeField)),
    button("Clear all filters", () => change({ filters: ranges(), query: "" }), { class: "clear" }),
  );
}

function searchField() {
  const state = store.state;
  const put = later(() => change({ query: input.value }), 180);
  const input = el("input", {
    type: "search",
    id: "search",
    placeholder: "Search texts  /",
    "aria-label": "Search texts",
    spellcheck: "false",
    value: state.query,
    on: { input: put },
  });
  const where = el(
    "select",
    { "aria-label": "Search in", id: "within", on: { change: () => change({ within: where.value }) } },
    [
      ["both", "prompt and response"],
      ["prompt", "prompt"],
      ["response", "response"],
    ].map(([value, text]) => el("option", { value }, text)),
  );
  const exact = button("Aa", () => change({ exact: !store.state.exact }), {
    "aria-label": "Match case",
    title: "match case",
    id: "exact",
  });
  app.sync.push(({ query, within, exact: on }) => {
    if (document.activeElement !== input) input.value = query;
    where.value = within;
    exact.setAttribute("aria-pressed", String(on));
  });
  return el("div", { class: "field search" }, input, el("div", { class: "row" }, where, exact));
}

/** A few buttons of which one is pressed. */
function choiceField(name, label, choices) {
  const same = (a, b) => (a ?? null) === (b ?? null);
  const buttons = choices.map(([text, low, high]) => button(text, () => filterBy(name, low, high), {}));
  app.sync.push(({ filters }) => {
    const [low, high] = filters[name] ?? [null, null];
    buttons.forEach((one, at) =>
      one.setAttribute("aria-pressed", String(same(choices[at][1], low) && same(choices[at][2], high))),
    );
  });
  return el(
    "div",
    { class: "field", role: "group", "aria-label": label },
    el("span", {}, label),
    el("span", { class: "choices" }, buttons),
  );
}

function errorField() {
  const labels = app.rows.columns.get("error")?.labels ?? [];
  if (labels.length < 2) return null;
  const select = el("select", {
    "aria-label": "error",
    id: "error",
    on: { change: () => filterBy("error", ...JSON.parse(select.value)) },
  });
  const add = (text, bounds) => select.append(el("option", { value: JSON.stringify(bounds) }, text));
  add("any or none", [null, null]);
  add("none", [0, 0]);
  add("some error", [1, null]);
  labels.forEach((label, code) => label && add(clip(label, 60), [code, code]));
  app.sync.push(({ filters }) => (select.value = JSON.stringify(filters.error ?? [null, null])));
  return el("label", { class: "field" }, el("span", {}, "error"), select);
}

function rangeField(name) {
  const ends = app.rows.range(name);
  if (!ends) return null;
  const whole = app.rows.columns.get(name).kind === "int";
  const bound = (input) =>
    input.value.trim() === "" || !Number.isFinite(Number(input.value)) ? null : Number(input.value);
  const put = () => filterBy(name, bound(low), bound(high));
  const field = (what, hint) =>
    el("input", {
      type: "number",
      step: whole ? "1" : "any",
      placeholder: String(Number(hint.toPrecision(4))),
      "aria-label": `${what} ${words(name)}`,
      on: { change: put },
    });
  const low = field("least", ends[0]);
  const high = field("most", ends[1]);
  app.sync.push(({ filters }) => {
    const [from, to] = filters[name] ?? [null, null];
    if (document.activeElement !== low) low.value = from ?? "";
    if (document.activeElement !== high) high.value = to ?? "";
  });
  return el(
    "div",
    { class: "field range", role: "group", "aria-label": words(name) },
    el("span", { title: name }, words(name).replace("reward/", "· ")),
    low,
    el("span", { class: "soft", "aria-hidden": "true" }, "–"),
    high,
  );
}

/** What is filtered, each with a button that takes it away. */
function filterChips() {
  const { filters, query, within, exact } = store.state;
  const chips = Object.entries(filters).map(([name, bounds]) => [
    rangeText(name, bounds),
    () => filterBy(name, null, null),
  ]);
  if (query)
    chips.unshift([
      `${within === "both" ? "text" : within} contains “${clip(query, 40)}”${exact ? " (case)" : ""}`,
      () => change({ query: "" }),
    ]);
  return chips.map(([text, clear]) =>
    button(`${text} ×`, clear, { class: "chip-button", "aria-label": `remove filter: ${text}` }),
  );
}

function rangeText(name, [low, high]) {
  const column = app.rows.columns.get(name);
  const label = words(name);
  if (name === "run") return `run ${app.meta.runs[low]?.name ?? low}`;
  if (column?.kind === "bool") return low === 1 ? label : `not ${label}`;
  if (column?.kind === "label")
    return low === high ? `${label}: ${clip(column.labels[low] || "none", 40)}` : `some ${label}`;
  if (low === high) return `${label} ${short(low)}`;
  if (low === null) return `${label} ≤ ${short(high)}`;
  return high === null ? `${label} ≥ ${short(low)}` : `${label} ${short(low)} to ${short(high)}`;
}
