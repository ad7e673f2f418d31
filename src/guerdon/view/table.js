// The table of rollouts: only the rows in view are in the document, however many there are.

const ROW = 30;
/** Height of a row in pixels; the style sheet says the same. */
const LIMIT = 8e6;
/** Browsers cannot scroll further than some ten million pixels; beyond, the scrollbar stands for more rows. */
const TEXT_COLUMNS = ["prompt", "response"];
const WIDE = ["step", "group", "problem", "reward", "components", "advantage", "length", "flags"];
const NARROW = ["step", "reward", "components", "flags"];
const ROOM = 820;
const ROOM_FOR_PROMPT = 1060;
/** Narrower than this many pixels the table leaves out columns, and the prompt. */
const WIDTHS = {
  __proto__: null,
  step: "54px",
  group: "56px",
  traj: "64px",
  problem: "82px",
  reward: "76px",
  components: "108px",
  advantage: "92px",
  length: "72px",
  flags: "122px",
  prompt: "minmax(120px, 1fr)",
  response: "minmax(160px, 2fr)",
};

class Table {
  constructor() {
    this.order = new Int32Array(0);
    this.at = 0;
    this.texts = new Map();
    this.wanted = new Set();
    this.body = el("div", { class: "rows", role: "rowgroup" });
    this.head = el("div", { class: "head", role: "row", "aria-rowindex": 1 });
    this.grid = el(
      "div",
      {
        class: "table",
        role: "grid",
        tabindex: "0",
        "aria-label": "Rollouts",
        id: "rows",
        on: { scroll: () => this.draw(), keydown: (event) => this.key(event) },
      },
      this.head,
      this.body,
    );
    this.fetch = later(() => this.load(), 40);
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("[data-place]");
      if (row) this.open(Number(row.dataset.place));
    });
    new ResizeObserver(() => {
      this.drawHead();
      this.draw();
    }).observe(this.grid);
  }

  columns() {
    const { rows, meta } = app;
    const { extra, sort } = store.state;
    const all = this.grid.clientWidth >= ROOM ? WIDE : NARROW;
    const base = all.filter((name) => ["components", "flags"].includes(name) || rows.has(name));
    const more = [...new Set([...extra, ...sort.map(([name]) => name)])].filter(
      (name) => rows.has(name) && !base.includes(name) && name !== "run",
    );
    const spoken = meta.runs.some((run) => run.domain === "text");
    const texts = spoken ? [...(this.grid.clientWidth >= ROOM_FOR_PROMPT ? ["prompt"] : []), "response"] : [];
    return [...(meta.runs.length > 1 ? ["run"] : []), ...base, ...more, ...texts];
  }

  /** Show these rows in this order. */
  show(order) {
    this.order = order;
    this.at = Math.max(0, Math.min(this.at, order.length - 1));
    this.grid.setAttribute("aria-rowcount", order.length + 1);
    this.height = Math.min(LIMIT, order.length * ROW);
    this.body.style.setProperty("height", `${this.height}px`);
    this.drawHead();
    this.draw();
  }

  drawHead() {
    const { sort } = store.state;
    this.names = this.columns();
    this.template = this.names.map((name) => this.width(name)).join(" ");
    this.grid.style.setProperty("--columns", this.template);
    const least = this.names.reduce((sum, name) => sum + Number(/\d+/.exec(this.width(name))[0]), 0);
    this.grid.style.setProperty("--least", `${least}px`);
    this.grid.setAttribute("aria-colcount", this.names.length);
    this.head.replaceChildren(
      ...this.names.map((name) => {
        const place = sort.findIndex(([one]) => one === name);
        const sortable = app.rows.has(name);
        const sorted = place < 0 ? "none" : sort[place][1] ? "descending" : "ascending";
        const arrow = place < 0 ? "" : `${sort[place][1] ? " ↓" : " ↑"}${sort.length > 1 ? place + 1 : ""}`;
        const text = `${words(name)}${arrow}`;
        const cell = el("div", {
          class: `cell${this.numeric(name) ? " number" : ""}`,
          role: "columnheader",
          "aria-sort": sortable ? sorted : null,
          title: name,
        });
        cell.append(
          sortable
            ? button(text, (event) => this.sortBy(name, event.shiftKey), { tabindex: "0" })
            : el("span", {}, text),
        );
        return cell;
      }),
    );
  }

  width(name) {
    if (name !== "run") return WIDTHS[name] ?? "minmax(70px, 110px)";
    const longest = Math.max(...app.meta.runs.map((run) => run.name.length));
    return `${Math.max(44, Math.min(130, 7 * longest + 14))}px`;
  }

  numeric(name) {
    const kind = app.rows.columns.get(name)?.kind;
    return (kind === "int" || kind === "float") && name !== "run";
  }

  /** Falling, rising, not at all; with shift as a further key. */
  sortBy(name, further) {
    const { sort } = store.state;
    const old = sort.find(([one]) => one === name);
    const next = !old ? [[name, true]] : old[1] ? [[name, false]] : [];
    if (!further) change({ sort: next });
    else change({ sort: old ? sort.flatMap((key) => (key[0] === name ? next : [key])) : [...sort, ...next] });
  }

  /** The place of the first row in view; the scrollbar may be coarser than the rows. */
  first() {
    const { scrollTop, clientHeight } = this.grid;
    const shown = clientHeight - ROW;
    const whole = this.order.length * ROW;
    const offset = whole <= LIMIT ? scrollTop : (scrollTop / Math.max(1, this.height - shown)) * (whole - shown);
    return { place: Math.max(0, Math.floor(offset / ROW)), shift: whole <= LIMIT ? 0 : scrollTop - offset };
  }

  draw() {
    if (!this.grid.clientHeight) return;
    const { place, shift } = this.first();
    const from = Math.max(0, place - 4);
    const to = Math.min(this.order.length, place + Math.ceil(this.grid.clientHeight / ROW) + 4);
    const rows = [];
    this.wanted.clear();
    for (let at = from; at < to; at += 1) {
      const row = this.order[at];
      if (!this.texts.has(row)) this.wanted.add(row);
      rows.push(this.row(at, row, shift));
    }
    this.body.replaceChildren(...rows);
    if (this.order.length) this.grid.setAttribute("aria-activedescendant", `place-${this.at}`);
    else this.grid.removeAttribute("aria-activedescendant");
    if (this.wanted.size) this.fetch();
  }

  row(at, row, shift) {
    const chosen = at === this.at;
    const node = el("div", {
      class: `line-row${chosen ? " at" : ""}${row === store.state.row ? " open" : ""}`,
      role: "row",
      id: `place-${at}`,
      "data-place": at,
      "data-row": row,
      "aria-rowindex": at + 2,
      "aria-selected": String(row === store.state.row),
    });
    node.style.setProperty("transform", `translateY(${at * ROW + shift}px)`);
    for (const name of this.names) node.append(this.cell(name, row));
    return node;
  }

  cell(name, row) {
    const node = el("div", { class: `cell${this.numeric(name) ? " number" : ""}`, role: "gridcell" });
    if (name === "components") node.append(rowBar(row, { width: 96 }));
    else if (name === "flags") node.append(...flagsOf(row));
    else if (TEXT_COLUMNS.includes(name)) {
      node.classList.add("text");
      node.dir = "auto";
      node.textContent = visible(this.texts.get(row)?.[name] ?? (this.texts.has(row) ? "" : "…")).replace(/\s+/g, " ");
    } else if (name === "run") node.textContent = visible(app.meta.runs[app.rows.get("run", row)]?.name ?? "");
    else node.textContent = visible(short(app.rows.get(name, row)));
    return node;
  }

  /** Ask for the texts of the rows in view. */
  async load() {
    const rows = [...this.wanted];
    if (!rows.length) return;
    try {
      const found = await app.source.texts(rows);
      found.rows.forEach((row, at) =>
        this.texts.set(row, { prompt: found.prompt[at] ?? "", response: found.response[at] ?? "" }),
      );
    } catch (error) {
      app.complain(error);
      rows.forEach((row) => this.texts.set(row, { prompt: "", response: "" }));
    }
    if (this.texts.size > 20000) this.texts = new Map([...this.texts].slice(-5000));
    this.draw();
  }

  /** Make a place the current one and bring it into view. */
  go(at) {
    if (!this.order.length) return;
    this.at = Math.max(0, Math.min(this.order.length - 1, at));
    const { place } = this.first();
    const room = Math.max(1, Math.floor(this.grid.clientHeight / ROW) - 2);
    if (this.at < place + (this.grid.scrollTop > 0 ? 1 : 0)) this.scrollTo(this.at);
    else if (this.at >= place + room) this.scrollTo(this.at - room + 1);
    this.draw();
  }

  scrollTo(place) {
    const whole = this.order.length * ROW;
    const shown = this.grid.clientHeight - ROW;
    this.grid.scrollTop = whole <= LIMIT ? place * ROW : (place * ROW * (this.height - shown)) / (whole - shown);
  }

  open(at) {
    this.go(at);
    if (this.order.length) change({ row: this.order[this.at], group: false }, store.state.row === null);
  }

  /** Find a row and make its place current. */
  find(row) {
    const at = this.order[this.at] === row ? this.at : this.order.indexOf(row);
    if (at >= 0) this.go(at);
  }

  key(event) {
    if (event.target !== this.grid) return;
    const page = Math.max(1, Math.floor(this.grid.clientHeight / ROW) - 2);
    const move = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[
      event.key
    ];
    if (event.key === "Enter") this.open(this.at);
    else if (move !== undefined) this.go(this.at + move);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
