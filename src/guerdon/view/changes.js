// What changed between two checkpoints on the same prompt: stored rollouts side by side, or, live, both sampled anew.

const LISTED = 60;
/** Problems in the list; a number can be typed for any other. */

function showChanges(host) {
  const { runs } = app.meta;
  const state = store.state;
  const run = runs[state.run] ?? runs[0];
  if (!run) return host.replaceChildren(el("p", { class: "empty" }, "No runs."));
  const stored = problemsOf(run.id);
  const steps = [...new Set(stored.flatMap(({ steps: of }) => [...of.keys()]))].sort((a, b) => a - b);
  const [before, after] = [state.before ?? steps[0], state.after ?? steps.at(-1)];
  const ranked = rank(stored, before, after);
  const problem = state.problem ?? ranked[0]?.problem ?? stored[0]?.problem ?? null;
  const body = el("div");
  host.replaceChildren(
    el(
      "div",
      { class: "tools changes-tools" },
      runs.length > 1 &&
        selectField(
          "run",
          runs.map((one) => [one.id, one.name]),
          run.id,
          (id) => change({ run: Number(id), problem: null, before: null, after: null }),
        ),
      problemField(problem),
      steps.length > 0 &&
        selectField(
          "before",
          steps.map((step) => [step, `step ${step}`]),
          before,
          (step) => change({ before: Number(step) }),
        ),
      steps.length > 0 &&
        selectField(
          "after",
          steps.map((step) => [step, `step ${step}`]),
          after,
          (step) => change({ after: Number(step) }),
        ),
    ),
    el("div", { class: "beside-list" }, rankedList(ranked, problem, before, after), body),
  );
  app.recolor = null;
  if (problem === null) return body.replaceChildren(el("p", { class: "empty" }, "No problem numbers are stored."));
  const live = liveHost(run, problem);
  const found = stored.find((one) => one.problem === problem);
  body.append(...[live, rewardBySteps(found, body.clientWidth - 32), sides(found, before, after)].filter(Boolean));
}

/** `[{problem, steps: Map(step -> rows)}]` of one run, problems that several steps have first. */
function problemsOf(run) {
  const { rows } = app;
  if (!rows.has("problem")) return [];
  const [of, step, problem] = ["run", "step", "problem"].map((name) => rows.columns.get(name)?.data);
  const found = new Map();
  for (let row = 0; row < rows.size; row += 1) {
    if (of && of[row] !== run) continue;
    if (!found.has(problem[row])) found.set(problem[row], new Map());
    const steps = found.get(problem[row]);
    if (!steps.has(step[row])) steps.set(step[row], []);
    steps.get(step[row]).push(row);
  }
  return [...found]
    .map(([number, steps]) => ({ problem: number, steps }))
    .sort((a, b) => b.steps.size - a.steps.size || a.problem - b.problem);
}

function meanReward(rows) {
  const values = (rows ?? []).map((row) => app.rows.get("reward", row)).filter((value) => value !== null);
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

/** Problems stored at both steps, the largest change of the mean reward first. */
function rank(stored, before, after) {
  return stored
    .filter(({ steps }) => before !== after && steps.has(before) && steps.has(after))
    .map(({ problem, steps }) => ({ problem, from: meanReward(steps.get(before)), to: meanReward(steps.get(after)) }))
    .sort((a, b) => Math.abs((b.to ?? 0) - (b.from ?? 0)) - Math.abs((a.to ?? 0) - (a.from ?? 0)));
}

function rankedList(ranked, problem, before, after) {
  if (!ranked.length)
    return el(
      "p",
      { class: "soft list-note" },
      `No problem has rollouts at both step ${before ?? "–"} and step ${after ?? "–"}.`,
    );
  const rows = ranked.slice(0, LISTED).map(({ problem: number, from, to }) => {
    const gap = (to ?? NaN) - (from ?? NaN);
    return el(
      "tr",
      { class: number === problem ? "at" : null },
      el(
        "th",
        { scope: "row" },
        button(`${number}`, () => change({ problem: number }), {
          class: "link",
          "aria-current": number === problem ? "true" : null,
        }),
      ),
      el("td", {}, short(from)),
      el("td", {}, short(to)),
      el("td", {}, `${gap > 0 ? "+" : ""}${short(gap)}`),
    );
  });
  return el(
    "div",
    { class: "scroll list" },
    el(
      "table",
      {},
      el("caption", {}, "Problems stored at both steps, largest change of the mean reward first"),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ["problem", "before", "after", "change"].map((text) => el("th", { scope: "col" }, text)),
        ),
      ),
      el("tbody", {}, rows),
    ),
  );
}

function selectField(label, options, value, pick) {
  const select = el(
    "select",
    { "aria-label": label, on: { change: () => pick(select.value) } },
    options.map(([key, text]) => el("option", { value: key }, text)),
  );
  select.value = value;
  return el("label", {}, `${label} `, select);
}

function problemField(problem) {
  const input = el("input", {
    type: "number",
    min: 0,
    step: 1,
    value: problem ?? "",
    "aria-label": "problem",
    id: "problem",
    on: { change: () => input.value !== "" && change({ problem: Number(input.value) }) },
  });
  return el("label", {}, "problem ", input);
}

/** Mean reward of the problem at each step that stored it. */
function rewardBySteps(found, room) {
  if (!found || found.steps.size < 3) return null;
  const xs = [...found.steps.keys()].sort((a, b) => a - b);
  const chart = lineChart({
    series: [
      { name: "mean reward", xs, ys: xs.map((step) => meanReward(found.steps.get(step)) ?? NaN), color: 0, dash: 0 },
    ],
    unit: "reward",
    what: "mean reward of this problem over steps",
    width: Math.max(280, Math.min(900, room)),
    height: 130,
  });
  return (
    chart &&
    el(
      "figure",
      { class: "card" },
      el("figcaption", {}, `Problem ${found.problem}: mean reward where it was stored`),
      chart,
    )
  );
}

/** The stored rollouts of both steps beside each other. */
function sides(found, before, after) {
  const node = el("div", { class: "two" });
  const side = async (label, step) => {
    const rows = [...app.rows.sort(Int32Array.from(found?.steps.get(step) ?? []), [["reward", true]])].slice(0, 8);
    const column = el(
      "section",
      { class: "side-by", "aria-label": label },
      el(
        "h3",
        {},
        `${label}: step ${step ?? "–"} `,
        el("small", {}, rows.length ? `mean reward ${short(meanReward(rows))}` : ""),
      ),
    );
    node.append(column);
    if (!rows.length) return (column.append(el("p", { class: "soft" }, "no stored rollouts of this problem")), []);
    const cards = el("div", { class: "stack" });
    column.append(cards);
    const answers = await attempt(cards, () => Promise.all(rows.map((row) => app.source.rollout(row))));
    const targets = [];
    answers?.forEach((one, at) => cards.append(groupCard(one, rows[at], targets, false)));
    return targets.length ? targets : [];
  };
  const prompt = el("div");
  const first = [...(found?.steps.values() ?? [])][0]?.[0];
  if (first !== undefined)
    app.source.rollout(first).then(
      (one) => prompt.append(el("div", { class: "foreign prompt", dir: "auto" }, one.prompt ?? "")),
      () => {},
    );
  const tools = el("div");
  Promise.all([side("before", before), side("after", after)]).then((targets) => {
    const choice = colorChoice(targets.flat());
    tools.append(choice.node);
    app.recolor = (wanted) => (choice.apply(wanted), choice.names);
    recolor();
  });
  return el("div", {}, el("h3", {}, "Stored rollouts"), prompt, tools, node);
}

/** Live: let two checkpoints answer the same prompt with the same random numbers. */
function liveHost(run, problem) {
  if (!app.source.live || run.domain !== "text") return null;
  const steps = run.checkpoint_steps;
  const out = el("div", { id: "sampled" });
  if (steps.length < 2)
    return el(
      "section",
      {},
      el("h3", {}, "Two checkpoints, sampled now"),
      el("p", { class: "soft" }, "This run keeps fewer than two checkpoints; --save-every keeps more."),
    );
  const field = (label, value) => {
    const select = el(
      "select",
      { "aria-label": label },
      steps.map((step) => el("option", { value: step }, `step ${step}`)),
    );
    select.value = value;
    return select;
  };
  const [before, after] = [field("checkpoint before", steps[0]), field("checkpoint after", steps.at(-1))];
  const samples = el("input", { type: "number", min: 1, max: 16, value: "4", "aria-label": "samples" });
  const go = button(
    "Sample both",
    async () => {
      go.disabled = true;
      out.replaceChildren(el("p", { class: "loading" }, "Loading both checkpoints and sampling …"));
      const request = {
        run: run.id,
        before: Number(before.value),
        after: Number(after.value),
        problem,
        samples: Number(samples.value),
        seed: 0,
      };
      const found = await attempt(out, () => app.source.checkpoints(request));
      go.disabled = false;
      if (found && out.isConnected) out.replaceChildren(sampledPair(found, request));
    },
    { class: "main-button", id: "sample-both" },
  );
  return el(
    "section",
    { class: "live" },
    el("h3", {}, "Two checkpoints, sampled now"),
    el(
      "p",
      { class: "soft" },
      `Both answer problem ${problem} with the same random numbers; each token is scored by both, ` +
        "so its colour says which of them prefers it.",
    ),
    el("div", { class: "tools" }, before, "and", after, el("label", {}, "samples ", samples), go),
    out,
  );
}

function sampledPair(found, { before, after }) {
  const targets = [];
  const side = (label, list, share) =>
    el(
      "section",
      { class: "side-by", "aria-label": `sampled ${label}` },
      el(
        "h3",
        {},
        `${label} `,
        el("small", {}, `${share === null || share === undefined ? "" : `solves ${(100 * share).toFixed(0)}%`}`),
      ),
      el(
        "div",
        { class: "stack" },
        list.map((one) => {
          const columns = {
            after_minus_before: one.tokens.logprob_after.map((value, at) =>
              value === null || one.tokens.logprob_before[at] === null ? null : value - one.tokens.logprob_before[at],
            ),
            logprob_before: one.tokens.logprob_before,
            logprob_after: one.tokens.logprob_after,
          };
          const drawn = sequence({ text: one.tokens.text, columns }, "tokens of the response");
          targets.push({ columns, recolor: drawn.recolor });
          return el(
            "article",
            { class: "card rollout" },
            el("div", { class: "card-head" }, "reward ", el("b", {}, short(one.reward))),
            drawn.node,
          );
        }),
      ),
    );
  const node = el(
    "div",
    {},
    el(
      "div",
      { class: "two" },
      side(`checkpoint ${before}`, found.before, found.pass?.before),
      side(`checkpoint ${after}`, found.after, found.pass?.after),
    ),
  );
  const scale = {
    ...scaleOf(
      "after_minus_before",
      targets.map((target) => target.columns.after_minus_before),
    ),
    signed: true,
  };
  for (const target of targets) target.recolor("after_minus_before", scale);
  node.prepend(el("div", { class: "tools" }, "log-probability after minus before ", scaleLegend(scale)));
  return node;
}
