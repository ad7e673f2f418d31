// The page itself: it opens the source, shows the view that the address names, and listens to the keyboard.

const app = {
  source: null,
  meta: null,
  rows: null,
  barScale: [0, 1],
  sync: [],
  table: null,
  recolor: null,
  complain: (error) => say(error.message),
};

const SHOW = { overview: showOverview, curves: showCurves, rollouts: showRollouts, changes: showChanges };
const TITLES = { overview: "Overview", curves: "Curves", rollouts: "Rollouts", changes: "Changes" };
const KEYS = [
  ["1 2 3 4", "overview, curves, rollouts, changes"],
  ["/", "search the rollouts"],
  ["j k or ↓ ↑", "next, previous row"],
  ["Enter", "open the row"],
  ["[ ]", "previous, next rollout or group"],
  ["g", "the group side by side"],
  ["c", "colour tokens by the next column"],
  ["← →", "along tokens and curves that have the focus"],
  ["Esc", "close what is open"],
  ["?", "this list"],
];

async function start() {
  theme(remembered());
  byId("theme").addEventListener("click", () =>
    theme({ auto: "dark", dark: "light", light: "auto" }[document.documentElement.dataset.theme]),
  );
  byId("help").addEventListener("click", help);
  const main = byId("main");
  app.source = openSource();
  const meta = await attempt(main, () => app.source.meta());
  if (!meta) return;
  app.meta = meta;
  const columns = await attempt(main, () => app.source.columns());
  if (!columns) return;
  take(meta, columns);
  frameUp();
  store.state = fromHash(location.hash);
  store.watchers.push(update);
  addEventListener("popstate", () => {
    const old = store.state;
    store.state = fromHash(location.hash);
    update(store.state, old);
  });
  document.addEventListener("keydown", onKey);
  addEventListener(
    "resize",
    later(() => update(store.state, { ...store.state, view: "" }, true), 150),
  );
  update(store.state, null);
  document.documentElement.dataset.ready = "yes";
  performance.mark("ready");
  if (app.source.live) setInterval(renew, 4000);
}

function take(meta, columns) {
  timed("decode", () => {
    app.meta = meta;
    app.rows = new Rows(meta, columns);
    app.grouped = app.rows.grouped;
    app.barScale = barScale(app.rows, meta.components);
  });
}

/** While a run goes on: take what is new and show it where the reader is. */
async function renew() {
  const going = app.meta.runs.some((run) => ["starting", "running"].includes(run.status));
  if (!going || document.hidden) return;
  try {
    const meta = await app.source.meta(app.meta.version);
    if (meta.version === app.meta.version) return;
    take(meta, await app.source.columns());
  } catch (error) {
    return app.complain(error);
  }
  const { view } = store.state;
  if (view === "rollouts" && app.table) {
    app.table.texts.clear();
    updateRollouts(store.state, { ...store.state, filters: null });
  } else if (view !== "changes") SHOW[view](byId("main"));
}

/** Title, tabs, and what a file leaves out. */
function frameUp() {
  const { runs, rows, stored, live } = app.meta;
  const names = runs.map((run) => run.name).join(" / ");
  document.title = visible(`${names || "guerdon"} · guerdon`);
  byId("brand").textContent = "guerdon";
  byId("tabs").replaceChildren(
    ...VIEWS.map((view) =>
      el(
        "a",
        {
          href: `#${view}`,
          id: `tab-${view}`,
          on: { click: (event) => (event.preventDefault(), change({ view }, true)) },
        },
        TITLES[view],
      ),
    ),
  );
  if (!live && stored > rows) {
    byId("banner").textContent =
      `This file holds ${count(rows)} of ${plural(stored, "stored rollout")}; guerdon view shows all of them.`;
    byId("banner").hidden = false;
  }
}

function update(state, old, resized = false) {
  for (const view of VIEWS) {
    if (view === state.view) byId(`tab-${view}`).setAttribute("aria-current", "page");
    else byId(`tab-${view}`).removeAttribute("aria-current");
  }
  const main = byId("main");
  document.body.dataset.view = state.view;
  if (changed(state, old, "view")) {
    if (resized && ["rollouts", "changes"].includes(state.view)) return;
    tip.hide();
    app.recolor = app.table = null;
    SHOW[state.view](main);
    if (old && !resized) main.focus({ preventScroll: true });
    return;
  }
  if (state.view === "rollouts") updateRollouts(state, old);
  else if (state.view === "curves") changed(state, old, "hidden") ? showCurves(main) : app.redraw();
  else if (state.view === "changes") changed(state, old, "color") ? recolor() : showChanges(main);
}

/** auto, light or dark; remembered where the browser lets a page remember. */
function theme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = { auto: "Auto", light: "Light", dark: "Dark" }[name];
  byId("theme").title = "light or dark";
  try {
    localStorage.setItem("guerdon-theme", name);
  } catch {
    // A file opened from disk may have no storage; the choice then holds until it is closed.
  }
}

function remembered() {
  try {
    const name = localStorage.getItem("guerdon-theme");
    return ["light", "dark"].includes(name) ? name : "auto";
  } catch {
    return "auto";
  }
}

function help() {
  const dialog = byId("keys");
  if (dialog.open) return dialog.close();
  dialog.replaceChildren(
    el("h2", { id: "keys-title" }, "Keys"),
    el(
      "dl",
      { class: "pairs" },
      KEYS.map(([key, what]) =>
        el(
          "div",
          {},
          el(
            "dt",
            {},
            key.split(" ").map((one) => (one === "or" ? " or " : [el("kbd", {}, one), " "])),
          ),
          el("dd", {}, what),
        ),
      ),
    ),
    el(
      "p",
      { class: "soft" },
      "Click a column to sort by it, shift-click for a second key. " +
        "The address keeps the view: copy it to share or come back.",
    ),
    button("Close", () => dialog.close()),
  );
  dialog.showModal();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const typing =
    /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) &&
    event.target.type !== "range" &&
    event.target.type !== "checkbox";
  if (event.key === "Escape") return escapeFrom(event, typing);
  if (typing || byId("keys").open) return;
  const { view, row } = store.state;
  const rollouts = view === "rollouts" && app.table;
  const number = ["1", "2", "3", "4"].indexOf(event.key);
  const actions = {
    "?": help,
    "/": toSearch,
    c: nextColor,
    j: rollouts && (() => move(1)),
    k: rollouts && (() => move(-1)),
    ArrowDown: rollouts && row === null && event.target === document.body && (() => move(1)),
    ArrowUp: rollouts && row === null && event.target === document.body && (() => move(-1)),
    "]": rollouts && (() => move(1)),
    "[": rollouts && (() => move(-1)),
    g: rollouts && (() => toGroup()),
    Enter:
      rollouts &&
      row === null &&
      (event.target === document.body || event.target === byId("main")) &&
      (() => app.table.open(app.table.at)),
  };
  const action = number >= 0 ? () => change({ view: VIEWS[number] }, true) : actions[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function toSearch() {
  if (store.state.view !== "rollouts") change({ view: "rollouts" }, true);
  const input = byId("search");
  input?.closest("details")?.setAttribute("open", "");
  input?.focus();
}

/** The group of the open rollout or of the current row; again: back. */
function toGroup() {
  const { row, group } = store.state;
  if (group) return change({ group: false });
  const wanted = row ?? app.table.order[app.table.at];
  if (wanted !== undefined) change({ row: wanted, group: true }, true);
}

function escapeFrom(event, typing) {
  if (byId("keys").open) return;
  if (typing) event.target.blur();
  else if (!byId("tip").hidden) tip.hide();
  else if (store.state.view === "rollouts" && store.state.group) change({ group: false });
  else if (store.state.view === "rollouts" && store.state.row !== null) change({ row: null });
}

start();
