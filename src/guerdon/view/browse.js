// The view of rollouts: filters, a histogram, the table, and beside it the open rollout or in its place the group.

function showRollouts(host) {
  if (!app.rows.size) {
    host.replaceChildren(el("p", { class: "empty" }, "No rollouts are stored. A run keeps them with --out."));
    return;
  }
  app.sync = [];
  const table = (app.table = new Table());
  const chips = el("div", { class: "chips-row", "aria-label": "Filters that are on" });
  const total = el("span", { class: "total", id: "total" });
  const histogram = el("div", { class: "histogram-box" });
  const narrow = matchMedia("(max-width: 900px)").matches;
  const panel = el("details", { class: "side", open: !narrow }, el("summary", {}, "Search and filters"), filterPanel());
  const detail = el("aside", { class: "detail", id: "detail", "aria-label": "Rollout", hidden: true });
  const group = el("section", { class: "group-view", id: "group", "aria-label": "Group", hidden: true });
  const browse = el(
    "div",
    { class: "browse" },
    panel,
    el(
      "div",
      { class: "middle" },
      el(
        "div",
        { class: "above" },
        el(
          "div",
          { class: "above-left" },
          el("div", { class: "tools" }, total, chips),
          el("div", { class: "tools" }, barLegend(app.meta.components), columnMenu()),
        ),
        histogram,
      ),
      table.grid,
    ),
    detail,
  );
  host.replaceChildren(browse, group);
  Object.assign(app, { detail, groupView: group, browse, chips, total, histogram, found: null, searched: null });
  updateRollouts(store.state, null);
}

/** Further columns for the table. */
function columnMenu() {
  const base = new Set([
    "run",
    "step",
    "group",
    "problem",
    "reward",
    "advantage",
    "length",
    "truncated",
    "unscored",
    "duplicate",
    "signal",
    "error",
  ]);
  const names = app.meta.columns.map((column) => column.name).filter((name) => !base.has(name) && app.rows.has(name));
  if (!names.length) return null;
  const box = (name) =>
    el(
      "label",
      {},
      el("input", {
        type: "checkbox",
        checked: store.state.extra.includes(name),
        on: {
          change: (event) =>
            change({
              extra: event.target.checked
                ? [...store.state.extra, name]
                : store.state.extra.filter((one) => one !== name),
            }),
        },
      }),
      ` ${words(name)}`,
    );
  return el(
    "details",
    { class: "menu" },
    el("summary", {}, "Columns"),
    el("div", { class: "menu-list" }, names.map(box)),
  );
}

const changed = (state, old, ...keys) => !old || keys.some((key) => state[key] !== old[key]);

/** Bring the view up to date with what changed. */
async function updateRollouts(state, old) {
  if (!app.table) return;
  for (const sync of app.sync) sync(state);
  if (changed(state, old, "query", "within", "exact")) await search(state);
  if (state !== store.state) return;
  if (changed(state, old, "filters", "query", "within", "exact") || !app.found) {
    app.found = timed("filter", () => app.rows.select(state.filters, app.searched));
    arrange(state);
    app.chips.replaceChildren(...filterChips());
    app.total.textContent = `${count(app.found.length)} of ${plural(app.rows.size, "rollout")}`;
    say(app.total.textContent);
  } else if (changed(state, old, "sort", "extra")) arrange(state);
  updateOpen(state, old);
}

/** Rows in which the searched text is; only the answer to the last question counts. */
async function search({ query, within, exact }) {
  const ticket = (app.ticket = {});
  if (!query) {
    app.searched = null;
    return;
  }
  try {
    const rows = await app.source.search(query, within, exact);
    if (app.ticket === ticket) app.searched = rows;
  } catch (error) {
    app.complain(error);
  }
}

function arrange(state) {
  app.table.show(timed("sort", () => app.rows.sort(app.found, state.sort)));
  if (state.row === null) app.table.go(0);
  else app.table.find(state.row);
  drawHistogram(state);
}

/** The values of the column that is sorted by. */
function drawHistogram({ sort }) {
  const name = sort[0]?.[0] ?? "reward";
  const found =
    app.rows.has(name) && app.rows.columns.get(name).kind !== "label" ? app.rows.histogram(app.found, name, 40) : null;
  if (!found) return app.histogram.replaceChildren();
  // What rounding leaves of a mean of zero is no number to read.
  const mean = found.mean !== null && Math.abs(found.mean) < 1e-6 * (found.high - found.low) ? 0 : found.mean;
  const pick = (low, high) => filterBy(name, low, high);
  app.histogram.replaceChildren(
    el("div", { class: "soft" }, el("b", {}, words(name)), ` mean ${short(mean)} · drag to filter`),
    histogramChart(found, { width: 260, name: words(name), pick }),
  );
}

/** The open rollout, or the group in place of the table. */
function updateOpen(state, old) {
  const open = state.row !== null && state.row >= 0 && state.row < app.rows.size;
  const group = open && state.group;
  app.browse.hidden = group;
  app.groupView.hidden = !group;
  app.detail.hidden = !open || group;
  app.browse.classList.toggle("with-detail", open && !group);
  if (changed(state, old, "row", "group") || !old) {
    app.recolor = null;
    tip.hide();
    (group ? app.detail : app.groupView).replaceChildren();
    if (group) showGroup(app.groupView, state.row);
    else if (open) showRollout(app.detail, state.row);
    else if (old && old.row !== null) (app.detail.replaceChildren(), app.table.grid.focus({ preventScroll: true }));
    if (open && !group) app.table.find(state.row);
    if (!group) app.table.draw();
    if (group && !old?.group) byId("detail-title")?.focus({ preventScroll: true });
  } else if (changed(state, old, "color")) recolor();
}

/** The rollout `by` places further in the table. */
function move(by) {
  if (store.state.group) return moveGroup(by);
  const { table } = app;
  table.go(table.at + by);
  if (store.state.row !== null && table.order.length) change({ row: table.order[table.at] });
}

/** The next rollout of the table, in that direction, that belongs to another group. */
function moveGroup(by) {
  const { order } = app.table;
  const key = (row) => ["run", "step", "group"].map((name) => app.rows.get(name, row)).join();
  const here = key(store.state.row);
  let at = Math.max(0, order.indexOf(store.state.row));
  while (at >= 0 && at < order.length && key(order[at]) === here) at += by;
  if (at >= 0 && at < order.length) change({ row: order[at] });
}

/** The next column to colour by. */
function nextColor() {
  const names = app.recolor?.(store.state.color) ?? [];
  if (!names.length) return;
  const shown = byId("color")?.value ?? "";
  const color = names[(names.indexOf(shown) + 1) % names.length];
  change({ color });
  say(`coloured by ${words(color)}`);
}
