// One rollout: what was asked, what came back, token by token, and what it earned. And its whole group side by side.

const BESIDE = 24;
/** Responses of a group that are shown before the button for the rest. */

/** The components of a row's reward as `[name, value]`. */
function partsOf(row) {
  return app.meta.components.map((name) => [name, app.rows.get(`reward/${name}`, row) ?? NaN]);
}

function rowBar(row, size) {
  const parts = partsOf(row);
  const total = app.rows.get("reward", row) ?? NaN;
  return rewardBar(parts.length ? parts : [["reward", total]], total, app.barScale, size);
}

/** Marks of a row that are words, not colours. */
function flagsOf(row) {
  const flags = [];
  const add = (text, kind, title) => flags.push(el("span", { class: `flag ${kind}`, title }, text));
  if (app.rows.get("truncated", row)) add("cut off", "warn", "truncated: the response reached the limit");
  const error = app.rows.get("error", row);
  if (error) add("error", "bad", error);
  if (app.rows.get("unscored", row)) add("unscored", "bad", "no reward: it takes part in no statistics");
  const twins = app.rows.get("duplicate", row);
  if (twins)
    add(
      `${twins + 1}×`,
      "note",
      `${plural(twins, "other response")} of its group say${twins === 1 ? "s" : ""} the same`,
    );
  if (app.grouped && app.rows.get("signal", row) === false)
    add("no signal", "note", "all rewards of its group are equal");
  return flags;
}

function titleOf(row) {
  const get = (name) => app.rows.get(name, row);
  const run = app.meta.runs.length > 1 ? `${app.meta.runs[get("run")]?.name} · ` : "";
  return `${run}step ${get("step")} · group ${get("group")} · rollout ${get("traj")}`;
}

/** The panel of one rollout, filled in once its tokens have come. */
async function showRollout(host, row) {
  const content = el("div", { class: "detail-body" }, el("p", { class: "loading" }, "Loading …"));
  const problem = app.rows.get("problem", row);
  const changes = () =>
    change({ view: "changes", run: app.rows.get("run", row), problem, before: null, after: null }, true);
  host.replaceChildren(
    el(
      "div",
      { class: "detail-head" },
      el("h2", { tabindex: "-1", id: "detail-title" }, titleOf(row), " ", flagsOf(row)),
      el(
        "div",
        { class: "tools" },
        button("‹", () => move(-1), { "aria-label": "Previous rollout", title: "previous [" }),
        button("›", () => move(1), { "aria-label": "Next rollout", title: "next ]" }),
        button("Group", () => change({ group: true }, true), { title: "its group side by side: g" }),
        problem !== null && button("Changes", changes, { title: "the same problem at another step" }),
        button("Close", () => change({ row: null }), { title: "Esc" }),
      ),
    ),
    content,
  );
  const found = await attempt(content, () => app.source.rollout(row));
  if (!found || !content.isConnected) return;
  timed("open", () => content.replaceChildren(...rolloutParts(found, row)));
  recolor();
}

/** Run `work`; a failure becomes a sentence in `host`. */
async function attempt(host, work) {
  try {
    return await work();
  } catch (error) {
    host.replaceChildren(el("p", { class: "problem", role: "alert" }, error.message));
    return null;
  }
}

function rolloutParts(found, row) {
  const parts = partsOf(row);
  const known = new Set(["run", "step", "group", "traj", "reward", ...parts.map(([name]) => `reward/${name}`)]);
  const rest = Object.entries(found.values ?? {}).filter(([name]) => !known.has(name));
  const list = parts.map(([name, value], at) => {
    const zeros = Array(at).fill(["", 0]);
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, name),
      el("td", {}, short(value)),
      el("td", {}, rewardBar([...zeros, [name, value]], NaN, app.barScale, { width: 130 })),
    );
  });
  return [
    found.error && el("p", { class: "problem" }, el("b", {}, "unscored: "), found.error),
    el(
      "section",
      { "aria-label": "Reward", class: "earned" },
      el(
        "table",
        { class: "components" },
        el(
          "tr",
          { class: "sum" },
          el("th", { scope: "row" }, "reward"),
          el("td", {}, short(app.rows.get("reward", row))),
          el("td", {}, rowBar(row, { width: 130 })),
        ),
        list,
      ),
      pairs(
        rest.map(([name, value]) => [words(name), short(value)]),
        { class: "pairs wide" },
      ),
    ),
    found.prompt && el("h3", {}, "Prompt"),
    found.prompt && el("div", { class: "foreign prompt", dir: "auto" }, found.prompt),
    found.answer !== null &&
      found.answer !== undefined &&
      el("p", { class: "answer" }, "reference answer ", el("code", {}, found.answer)),
    found.tokens || !found.steps?.count ? responsePart(found, row) : null,
    found.steps?.count > (found.tokens ? 1 : 0) ? episodePart(found.steps) : null,
  ].filter(Boolean);
}

/** Values of a column for the group of a row, so that colours agree within it. */
const nearby = (row) => (name) =>
  app.rows.has(name) ? [...app.rows.group(row)].map((one) => app.rows.get(name, one)) : [];

function responsePart(found, row) {
  if (!found.tokens)
    return el(
      "section",
      {},
      el("h3", {}, "Response"),
      el("div", { class: "foreign tokens", dir: "auto" }, found.response || el("i", { class: "soft" }, "empty")),
    );
  const { columns } = found.tokens;
  const drawn = sequence({ ...found.tokens, spans: found.spans }, "tokens of the response");
  const chart = el("div", { class: "along" });
  const target = { columns, near: nearby(row), recolor: drawn.recolor };
  const choice = colorChoice([target]);
  app.recolor = (wanted) => {
    const name = choice.apply(wanted);
    if (name) chart.replaceChildren(alongChart(name, columns[name], "token", (at) => found.tokens.text[at]) ?? "");
    return choice.names;
  };
  return el(
    "section",
    {},
    el("h3", {}, "Response ", el("small", {}, plural(found.tokens.text.length, "token"))),
    choice.node,
    drawn.node,
    chart,
    el(
      "details",
      {},
      el("summary", {}, "As plain text"),
      el("div", { class: "foreign tokens", dir: "auto" }, found.response),
    ),
  );
}

/** The width for a chart in the panel. */
const chartRoom = () => Math.max(280, Math.min(900, (app.detail?.clientWidth || 600) - 40));

function alongChart(name, values, across, label) {
  const ys = values.map((value) => value ?? NaN);
  return lineChart({
    series: [{ name: words(name), xs: ys.map((_, at) => at), ys, color: 0, dash: 0 }],
    unit: words(name),
    across,
    what: `${words(name)} over ${across}s`,
    width: chartRoom(),
    height: 130,
    detail: label && ((at) => el("span", { class: "mono" }, clip(label(at) ?? "", 80))),
  });
}

/** An episode: the components over its steps in one chart, every other column in one of its own, the actions below. */
function episodePart(steps) {
  const names = Object.keys(steps.columns);
  const components = names.filter((name) => name.startsWith("reward/"));
  const series = (components.length ? components : names.filter((name) => name === "reward")).map((name, at) => ({
    name: name.replace("reward/", ""),
    xs: steps.columns[name].map((_, step) => step),
    ys: steps.columns[name].map((value) => value ?? NaN),
    color: at,
    dash: at,
  }));
  const label = steps.action?.length ? (at) => `action ${steps.action[at]}` : null;
  const charts = el("div", { class: "along" });
  if (series.length)
    charts.append(
      lineChart({
        series,
        unit: "reward",
        across: "step of the episode",
        what: "reward components over the steps of the episode",
        width: chartRoom(),
        height: 170,
        detail: label && ((at) => label(at)),
      }) ?? "",
    );
  for (const name of names) {
    if (name.startsWith("reward/") || (name === "reward" && !components.length)) continue;
    charts.append(alongChart(name, steps.columns[name], "step of the episode", label) ?? "");
  }
  const out = el("section", {}, el("h3", {}, "Episode ", el("small", {}, plural(steps.count, "step"))), charts);
  if (steps.action?.length) {
    const drawn = sequence({ text: steps.action, columns: steps.columns, separate: true }, "actions of the episode");
    const choice = colorChoice([{ columns: steps.columns, recolor: drawn.recolor }], "Colour actions by");
    const inner = app.recolor;
    app.recolor = (wanted) => (inner ? inner(wanted) : null, choice.apply(wanted), choice.names);
    out.append(el("h3", {}, "Actions"), choice.node, drawn.node);
  }
  return out;
}

/** The rollouts of a row's group beside each other, best first, all on one colour scale. */
async function showGroup(host, row) {
  const rows = [...app.rows.sort(app.rows.group(row), [["reward", true]])];
  const get = (name) => app.rows.get(name, row);
  const run = app.meta.runs.length > 1 ? `${app.meta.runs[get("run")]?.name} · ` : "";
  const head = el("div");
  const cards = el("div", { class: "cards" });
  const tools = el("div");
  host.replaceChildren(
    el(
      "div",
      { class: "detail-head" },
      el(
        "h2",
        { tabindex: "-1", id: "detail-title" },
        `${run}step ${get("step")} · group ${get("group")} `,
        el("small", {}, `${plural(rows.length, "rollout")}, best first`),
      ),
      el(
        "div",
        { class: "tools" },
        button("‹", () => moveGroup(-1), { "aria-label": "Previous group", title: "previous [" }),
        button("›", () => moveGroup(1), { "aria-label": "Next group", title: "next ]" }),
        button("Back", () => change({ group: false }), { title: "Esc" }),
      ),
    ),
    head,
    barLegend(app.meta.components),
    tools,
    cards,
  );
  const targets = [];
  const load = async (some) => {
    const found = await attempt(cards, () => Promise.all(some.map((one) => app.source.rollout(one))));
    if (!found || !cards.isConnected) return;
    if (!targets.length)
      head.replaceChildren(
        found[0]?.prompt ? el("div", { class: "foreign prompt", dir: "auto" }, found[0].prompt) : "",
        (found[0]?.answer ?? null)
          ? el("p", { class: "answer" }, "reference answer ", el("code", {}, found[0].answer))
          : "",
      );
    found.forEach((one, at) => cards.append(groupCard(one, some[at], targets, some[at] === row)));
    const choice = colorChoice(targets);
    tools.replaceChildren(choice.node);
    app.recolor = (wanted) => (choice.apply(wanted), choice.names);
    recolor();
  };
  await load(rows.slice(0, BESIDE));
  if (rows.length > BESIDE && cards.isConnected) {
    const more = button(`Show the other ${rows.length - BESIDE}`, () => (more.remove(), load(rows.slice(BESIDE))));
    host.append(more);
  }
}

function groupCard(found, row, targets, current) {
  const card = el("article", {
    class: `card rollout${current ? " current" : ""}`,
    "aria-label": `rollout ${app.rows.get("traj", row)}`,
  });
  const open = button(`rollout ${app.rows.get("traj", row)}`, () => change({ row, group: false }, true), {
    class: "link",
  });
  const chips = partsOf(row).map(([name, value]) =>
    el("span", { class: "chip" }, `${name} `, el("b", {}, short(value))),
  );
  const advantage = app.rows.get("advantage", row);
  card.append(
    el("div", { class: "card-head" }, open, rowBar(row), el("b", {}, short(app.rows.get("reward", row)))),
    el(
      "div",
      { class: "chips" },
      chips,
      advantage !== null && el("span", { class: "chip" }, "advantage ", el("b", {}, short(advantage))),
      el("span", { class: "chip" }, "length ", el("b", {}, short(app.rows.get("length", row)))),
      flagsOf(row),
    ),
  );
  if (found.tokens) {
    const drawn = sequence({ ...found.tokens, spans: found.spans }, "tokens of the response");
    targets.push({ columns: found.tokens.columns, recolor: drawn.recolor });
    card.append(drawn.node);
  } else if (found.steps?.count) {
    const names = Object.keys(found.steps.columns);
    const parts = names.filter((name) => name.startsWith("reward/"));
    const series = (parts.length ? parts : names.filter((name) => name === "reward")).map((name, at) => ({
      name: name.replace("reward/", ""),
      xs: found.steps.columns[name].map((_, step) => step),
      ys: found.steps.columns[name].map((value) => value ?? NaN),
      color: at,
      dash: at,
    }));
    card.append(
      lineChart({
        series,
        unit: "reward",
        across: "step of the episode",
        what: "reward components over the steps",
        width: 320,
        height: 140,
      }) ?? "",
    );
  } else
    card.append(
      el("div", { class: "foreign tokens", dir: "auto" }, found.response || el("i", { class: "soft" }, "empty")),
    );
  return card;
}

/** Colour again what is shown by the chosen column. */
function recolor() {
  app.recolor?.(store.state.color);
}
