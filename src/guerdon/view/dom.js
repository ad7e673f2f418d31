// Elements, texts and numbers. Foreign text reaches the page here alone, as text and never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** Characters without a shape of their own, or that reorder their neighbours, as something that can be seen. */
function visible(text) {
  return String(text).replace(
    /[\x00-\x08\x0b-\x1f\x7f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (char) => {
      const code = char.charCodeAt(0);
      if (code < 0x20) return String.fromCharCode(0x2400 + code);
      if (code === 0x7f) return "\u2421";
      if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
      return `[U+${code.toString(16).toUpperCase().padStart(4, "0")}]`;
    },
  );
}

/** An element: attributes, `on` handlers and `style` properties by name, then children; strings become text. */
function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (name === "style") for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
    else if (name === "value" || name === "checked") node[name] = value;
    else node.setAttribute(name, value === true ? "" : visible(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : visible(child));
  }
  return node;
}

const byId = (id) => document.getElementById(id);
const button = (content, click, attributes = {}) =>
  el("button", { type: "button", on: { click }, ...attributes }, content);

/** A number in few characters; null and NaN say that there is none. */
function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (Number.isSafeInteger(value)) return minus(Math.abs(value) < 1e5 ? String(value) : value.toLocaleString("en-US"));
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return minus(value.toExponential(2));
  return minus(String(Number(value.toPrecision(size >= 100 ? 5 : 4))));
}

const minus = (text) => text.replace(/^-/, "−");
const count = (number) => number.toLocaleString("en-US");
const plural = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
const words = (name) => name.replaceAll("_", " ");

/** The hint beside the pointer or the focused element; `content` is a list of children. */
const tip = {
  show(x, y, ...content) {
    const node = byId("tip");
    node.replaceChildren(...content);
    node.hidden = false;
    const { width, height } = node.getBoundingClientRect();
    const left = x + 14 + width > innerWidth ? Math.max(4, x - width - 14) : x + 14;
    const top = y + 16 + height > innerHeight ? Math.max(4, y - height - 12) : y + 16;
    node.style.setProperty("left", `${left}px`);
    node.style.setProperty("top", `${top}px`);
  },
  hide() {
    byId("tip").hidden = true;
  },
};

/** Rows of a name and a value for the hint and for lists of facts. */
function pairs(rows, attributes = {}) {
  return el(
    "dl",
    { class: "pairs", ...attributes },
    rows.map(([key, value]) => el("div", {}, el("dt", {}, key), el("dd", {}, value))),
  );
}

/** A table of rows `[name, cell, ...]` under a line of headings. */
function sheet(headings, rows) {
  return el(
    "table",
    {},
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        headings.map((text) => el("th", { scope: "col" }, text)),
      ),
    ),
    el(
      "tbody",
      {},
      rows.map(([name, ...cells]) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, name),
          cells.map((cell) => el("td", {}, cell)),
        ),
      ),
    ),
  );
}

/** Tell a screen reader. */
function say(text) {
  byId("status").textContent = text;
}

/** Call once things have been quiet for a while. */
function later(call, wait) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), wait);
  };
}

/** Run `work`, and keep the time it took where a benchmark finds it. */
function timed(name, work) {
  const start = performance.now();
  const result = work();
  performance.measure(name, { start, end: performance.now() });
  return result;
}
