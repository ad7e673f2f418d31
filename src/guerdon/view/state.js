// What the page shows, as an object and as the part of the address behind #, so that a view can be shared and reloaded.

const VIEWS = ["overview", "curves", "rollouts", "changes"];
/** Ranges by column: an object without a prototype, because a column may have any name. */
const ranges = (more = {}) => Object.assign(Object.create(null), more);
const START = {
  view: "overview",
  filters: ranges(), // column -> [low or null, high or null]
  query: "",
  within: "both",
  exact: false,
  sort: [], // [[column, falling], ...]
  extra: [], // further columns of the table
  row: null, // the open rollout
  group: false, // its whole group instead
  color: "",
  smooth: 0.6,
  hidden: [], // runs that the curves leave out
  run: 0,
  problem: null,
  before: null,
  after: null,
};

const store = { state: { ...START }, watchers: [] };

/** Change the state; `push` makes it a place that the browser's back button returns to. */
function change(part, push = false) {
  const old = store.state;
  store.state = { ...old, ...part };
  const hash = toHash(store.state);
  if (hash !== location.hash) history[push ? "pushState" : "replaceState"](null, "", hash);
  for (const watch of store.watchers) watch(store.state, old);
}

function toHash(state) {
  const query = new URLSearchParams();
  const put = (key, value, usual) => value !== usual && value !== null && query.set(key, value);
  for (const [name, [low, high]] of Object.entries(state.filters))
    query.set(`f.${name}`, `${low ?? ""}..${high ?? ""}`);
  put("q", state.query, "");
  put("in", state.within, START.within);
  put("case", state.exact ? "1" : "", "");
  put("sort", state.sort.map(([name, falling]) => (falling ? "-" : "") + encodeURIComponent(name)).join(","), "");
  put("columns", state.extra.map(encodeURIComponent).join(","), "");
  put("row", state.row, null);
  put("group", state.group ? "1" : "", "");
  put("color", state.color, "");
  put("smooth", state.smooth, START.smooth);
  put("hidden", state.hidden.join(","), "");
  if (state.view === "changes") for (const key of ["run", "problem", "before", "after"]) put(key, state[key], null);
  const text = query.toString();
  return `#${state.view}${text ? `?${text}` : ""}`;
}

function fromHash(hash) {
  const [view, text = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const query = new URLSearchParams(text);
  const number = (key, usual) =>
    query.has(key) && query.get(key) !== "" && Number.isFinite(+query.get(key)) ? +query.get(key) : usual;
  const list = (key) => (query.get(key) || "").split(",").filter(Boolean);
  const filters = ranges();
  for (const [key, value] of query) {
    const bounds = /^f\./.test(key) && /^([^.]*(?:\.\d[^.]*)?)\.\.(.*)$/.exec(value);
    if (!bounds) continue;
    const [low, high] = bounds.slice(1).map((bound) => (bound !== "" && Number.isFinite(+bound) ? +bound : null));
    if (low !== null || high !== null) filters[key.slice(2)] = [low, high];
  }
  return {
    ...START,
    view: VIEWS.includes(view) ? view : START.view,
    filters,
    query: query.get("q") ?? "",
    within: ["prompt", "response"].includes(query.get("in")) ? query.get("in") : START.within,
    exact: query.get("case") === "1",
    sort: list("sort").map((key) => [decode1(key.replace(/^-/, "")), key.startsWith("-")]),
    extra: list("columns").map(decode1),
    row: number("row", null),
    group: query.get("group") === "1",
    color: query.get("color") ?? "",
    smooth: Math.max(0, Math.min(0.99, number("smooth", START.smooth))),
    hidden: list("hidden").map(Number),
    run: number("run", 0),
    problem: number("problem", null),
    before: number("before", null),
    after: number("after", null),
  };
}

function decode1(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Set or clear the range of one column. */
function filterBy(name, low, high) {
  const filters = ranges(store.state.filters);
  if (low === null && high === null) delete filters[name];
  else filters[name] = [low, high];
  change({ filters });
}
