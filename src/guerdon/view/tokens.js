// A sequence of tokens or actions, coloured by one of their columns; the numbers of each show under pointer and focus.

const FIRST = 3000;
/** More tokens than these are drawn on demand. */
const SIGNED = /advantage|credit|ratio|delta|difference|return|td_error/;
const SPANS = { __proto__: null, turn: "turn", tool_call: "tool call", tool_result: "tool result", context: "context" };

/** How a column colours: `signed` away from zero to both sides, otherwise by size; `top` is full colour. */
function scaleOf(name, lists) {
  const values = lists.flatMap((list) => Array.from(list ?? [])).filter(Number.isFinite);
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const signed = (low < 0 && high > 0) || SIGNED.test(name);
  const tops = lists.map((list) => {
    const sizes = Array.from(list ?? [])
      .filter(Number.isFinite)
      .map(Math.abs)
      .sort((a, b) => a - b);
    // One outlier must not wash out all others.
    return sizes[Math.min(sizes.length - 1, Math.floor(sizes.length * 0.98))] ?? 0;
  });
  const top = Math.max(0, ...tops) || 1;
  return { name, signed, top, below: !signed && high <= 0 && low < 0 };
}

/** Colour and line under one token. */
function paint(node, value, scale) {
  node.classList.remove("up", "down", "size", "l0", "l1", "l2");
  node.style.removeProperty("--a");
  if (!scale || !Number.isFinite(value) || value === 0) return;
  const share = Math.min(1, Math.abs(value) / scale.top);
  node.style.setProperty("--a", `${(100 * share).toFixed(0)}%`);
  node.classList.add(scale.signed ? (value > 0 ? "up" : "down") : "size", `l${Math.min(2, Math.floor(share * 3))}`);
}

/** What the colours mean. */
function scaleLegend(scale) {
  if (!scale) return el("span", { class: "legend" });
  const example = (text, value) => {
    const node = el("span", { class: "t" }, text);
    paint(node, value, scale);
    return node;
  };
  const top = short(scale.top);
  const parts = scale.signed
    ? [example(`−${top} wavy`, -scale.top), " ", example("0", 0), " ", example(`+${top} underlined`, scale.top)]
    : [example("0", 0), " ", example(`${scale.below ? "−" : ""}${top} dotted`, scale.top)];
  return el("span", { class: "legend tokens" }, parts);
}

/** The columns that can colour, the wanted one first choice, then the advantage. */
function pickColumn(columns, wanted) {
  const names = Object.keys(columns);
  return [wanted, "advantage", "credit"].find((name) => names.includes(name)) ?? names[0] ?? "";
}

/** `{text, columns, turn, spans}` as elements; returns `{node, recolor(name, scale)}`. */
function sequence({ text, columns, turn, spans = [], separate = false }, what) {
  const node = el("div", {
    class: separate ? "tokens steps" : "tokens",
    role: "group",
    "aria-label": what,
    dir: "auto",
  });
  const drawn = [];
  let [name, scale] = ["", null];
  const draw = (to) => {
    for (let at = drawn.length; at < to; at += 1) {
      marks(node, at, turn, spans);
      const inside = spans.find((span) => span.from <= at && at < span.to && span.kind !== "turn");
      const token = el(
        "span",
        { class: `t${inside ? ` in ${inside.kind}` : ""}`, tabindex: at === 0 ? "0" : "-1", "data-at": at },
        glyph(text[at]),
      );
      drawn.push(token);
      node.append(token);
      if (scale) paint(token, columns[name]?.[at], scale);
    }
    if (to === text.length) marks(node, to, null, spans);
  };
  draw(Math.min(FIRST, text.length));
  if (text.length > FIRST) {
    const more = button(`Show the other ${plural(text.length - FIRST, "token")}`, () => {
      more.remove();
      draw(text.length);
    });
    node.append(more);
  }
  if (!text.length) node.append(el("i", { class: "soft" }, "empty"));
  listen(node, drawn, (at) => hint(at, { text, columns, turn, spans }));
  return {
    node,
    recolor(newName, newScale) {
      [name, scale] = [newName, newScale];
      drawn.forEach((token, at) => paint(token, columns[name]?.[at], scale));
    },
  };
}

/** A token that can be seen: line ends keep their break, nothing becomes a sign for nothing. */
function glyph(text) {
  if (text === "") return el("span", { class: "soft" }, "∅");
  return text.includes("\n") ? text.replaceAll("\n", "↵\n") : text;
}

/** Signs before token `at`: the end of a call, text that was not sampled, a new turn, the start of a call. */
function marks(node, at, turn, spans) {
  const sign = (kind, text, more = "") =>
    node.append(el("span", { class: `mark ${more} ${SPANS[kind] ? kind : ""}` }, text));
  const nameOf = ({ kind, label }) =>
    label && words(label) !== (SPANS[kind] ?? kind) ? `${SPANS[kind] ?? kind}: ${label}` : (SPANS[kind] ?? kind);
  const here = spans.filter((span) => span.kind !== "turn");
  for (const span of here)
    if (span.to === at && span.to > span.from) sign(span.kind, `end of ${SPANS[span.kind] ?? span.kind}`, "end");
  for (const span of here) {
    if (span.from !== at || span.to > at) continue;
    sign(span.kind, nameOf(span));
    if (span.text) node.append(el("span", { class: "unsampled", title: "not sampled by the policy" }, span.text));
  }
  if (turn && at > 0 && turn[at] !== turn[at - 1]) sign("turn", `turn ${turn[at] + 1}`);
  for (const span of here) if (span.from === at && span.to > at) sign(span.kind, nameOf(span));
}

function hint(at, { text, columns, turn, spans }) {
  const inside = spans
    .filter((span) => span.from <= at && at < span.to)
    .map((span) => `${SPANS[span.kind] ?? span.kind} ${span.label ?? ""}`);
  const place = [`number ${at}`, turn ? `turn ${turn[at] + 1}` : "", ...inside].filter(Boolean).join(", ");
  const rows = Object.entries(columns).map(([name, values]) => [words(name), short(values[at])]);
  return [
    el("b", { class: "mono" }, JSON.stringify(text[at]).slice(0, 200)),
    el("p", { class: "soft" }, place),
    pairs(rows),
  ];
}

function listen(node, drawn, content) {
  const show = (token) => {
    const box = token.getBoundingClientRect();
    tip.show(box.left, box.bottom - 8, ...content(Number(token.dataset.at)));
  };
  const tokenOf = (event) => event.target.closest?.(".t[data-at]");
  node.addEventListener("pointerover", (event) => tokenOf(event) && show(tokenOf(event)));
  node.addEventListener("pointerleave", tip.hide);
  node.addEventListener("focusout", tip.hide);
  node.addEventListener("focusin", (event) => {
    const token = tokenOf(event);
    if (!token) return;
    for (const other of node.querySelectorAll('.t[tabindex="0"]')) other.tabIndex = -1;
    token.tabIndex = 0;
    token.setAttribute("aria-describedby", "tip");
    show(token);
  });
  node.addEventListener("keydown", (event) => {
    const token = tokenOf(event);
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -drawn.length, End: drawn.length }[event.key];
    if (!token || !move) return;
    event.preventDefault();
    event.stopPropagation();
    drawn[Math.max(0, Math.min(drawn.length - 1, Number(token.dataset.at) + move))].focus();
  });
}

/** The choice of the colour column, with its legend; `targets` are `{columns, recolor}`. */
function colorChoice(targets, label = "Colour by") {
  const names = [...new Set(targets.flatMap((target) => Object.keys(target.columns)))];
  if (!names.length) return { node: el("span"), apply() {} };
  const legend = el("span");
  const select = el("select", {
    id: "color",
    "aria-label": label,
    on: { change: () => change({ color: select.value }) },
  });
  for (const name of names) select.append(el("option", { value: name }, words(name)));
  const apply = (wanted) => {
    const name = pickColumn(Object.fromEntries(names.map((one) => [one, true])), wanted);
    select.value = name;
    const scale = scaleOf(
      name,
      targets.map((target) => target.columns[name]).concat(targets.map((target) => target.near?.(name))),
    );
    for (const target of targets) target.recolor(name, scale);
    legend.replaceChildren(scaleLegend(scale));
    return name;
  };
  return { node: el("div", { class: "tools" }, el("label", {}, `${label} `, select), legend), apply, names };
}
