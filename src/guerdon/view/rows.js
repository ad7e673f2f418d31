// The table of rollouts as typed arrays: filter, sort, count. Nothing here knows the document.

/** Stands for a missing whole number; a missing yes or no is 2, a missing float NaN. */
const MISSING = -(2 ** 31);

class Rows {
  constructor(meta, columns) {
    this.size = columns.rows;
    this.columns = new Map();
    for (const { name, kind, labels } of meta.columns) {
      if (!Object.hasOwn(columns.data, name)) continue;
      this.columns.set(name, { name, kind, labels, data: decode(columns.data[name], kind) });
    }
    this.ranges = new Map();
  }

  has(name) {
    return this.columns.has(name);
  }

  /** A cell: number, boolean, label or null. */
  get(name, row) {
    const column = this.columns.get(name);
    if (!column) return null;
    const value = column.data[row];
    if (column.kind === "bool") return value > 1 ? null : value === 1;
    if (column.kind === "label") return column.labels[value] ?? null;
    return Number.isNaN(value) || (column.kind === "int" && value === MISSING) ? null : value;
  }

  /** Smallest and largest value of a column, null where it has none. */
  range(name) {
    if (!this.ranges.has(name)) {
      let low = Infinity;
      let high = -Infinity;
      const { data, kind } = this.columns.get(name);
      const missing = kind === "int" ? MISSING : NaN;
      for (const value of data) {
        if (value === missing) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
      this.ranges.set(name, low <= high ? [low, high] : null);
    }
    return this.ranges.get(name);
  }

  /** Row numbers that lie in every range `{name: [low or null, high or null]}` and, if given, in `found`. */
  select(filters, found = null) {
    const keep = new Uint8Array(this.size);
    if (found) for (const row of found) keep[row] = 1;
    else keep.fill(1);
    for (const [name, [low, high]] of Object.entries(filters)) {
      const column = this.columns.get(name);
      if (!column) continue;
      const { data, kind } = column;
      const from = low ?? (kind === "int" ? MISSING + 1 : -Infinity);
      const to = high ?? (kind === "bool" ? 1 : Infinity);
      // Written so that NaN, which is neither above nor below, falls out.
      for (let row = 0; row < this.size; row += 1) if (!(data[row] >= from && data[row] <= to)) keep[row] = 0;
    }
    let size = 0;
    for (let row = 0; row < this.size; row += 1) size += keep[row];
    const index = new Int32Array(size);
    let at = 0;
    for (let row = 0; row < this.size; row += 1) if (keep[row]) index[at++] = row;
    return index;
  }

  /** The rows in the order of the keys `[[name, falling], ...]`, missing values last; equal rows keep their order. */
  sort(index, keys) {
    let order = index;
    for (const [name, falling] of [...keys].reverse()) {
      const column = this.columns.get(name);
      if (column) order = radixSort(order, sortKeys(column, falling));
    }
    return order;
  }

  /** Counts of a column's values among rows, in at most `bins` bars between its ends. */
  histogram(index, name, bins) {
    const { data, kind } = this.columns.get(name);
    const range = this.range(name);
    if (!range) return null;
    let [low, high] = range;
    const whole = kind !== "float";
    let size = bins;
    if (whole && high - low < bins) {
      size = high - low + 1;
      [low, high] = [low - 0.5, high + 0.5];
    }
    const width = (high - low) / size || 1;
    const counts = new Int32Array(size);
    let sum = 0;
    let seen = 0;
    for (const row of index) {
      const value = data[row];
      if (Number.isNaN(value) || (kind === "int" && value === MISSING)) continue;
      counts[Math.max(0, Math.min(size - 1, Math.floor((value - low) / width)))] += 1;
      sum += value;
      seen += 1;
    }
    return { low, high, width, counts, whole, seen, mean: seen ? sum / seen : null };
  }

  /** Whether any two rollouts share a group; rows of a group lie together. */
  get grouped() {
    const data = ["run", "step", "group"].map((name) => this.columns.get(name)?.data).filter(Boolean);
    for (let row = 1; row < this.size; row += 1) if (data.every((one) => one[row] === one[row - 1])) return true;
    return false;
  }

  /** The rows of a rollout's group. */
  group(row) {
    return this.same(row, ["run", "step", "group"]);
  }

  /** Rows that agree with this one in all the columns named. */
  same(row, names) {
    const filters = {};
    for (const name of names) {
      if (!this.has(name)) continue;
      const value = this.columns.get(name).data[row];
      filters[name] = [value, value];
    }
    return this.select(filters);
  }
}

const LAST = 0xffffffff;

/** Unsigned keys whose order is that of the column; missing values come last either way. */
function sortKeys({ data, kind, labels }, falling) {
  const keys = new Uint32Array(data.length);
  if (kind === "float") {
    const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
    // The bits of a float rise with its size: flip all of them below zero, the sign alone above; -0 counts as 0.
    for (let row = 0; row < keys.length; row += 1) {
      const one = data[row] === 0 ? 0 : bits[row];
      keys[row] = one < 0 ? ~one : one | 0x80000000;
    }
  } else if (kind === "label") {
    const rank = new Uint32Array(labels.length);
    labels
      .map((label, code) => [label, code])
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .forEach(([, code], place) => (rank[code] = place));
    for (let row = 0; row < keys.length; row += 1) keys[row] = rank[data[row]];
  } else {
    for (let row = 0; row < keys.length; row += 1) keys[row] = data[row] ^ 0x80000000;
  }
  if (falling) for (let row = 0; row < keys.length; row += 1) keys[row] = ~keys[row];
  const missing = {
    float: Number.isNaN,
    int: (value) => value === MISSING,
    bool: (value) => value > 1,
    label: () => false,
  }[kind];
  for (let row = 0; row < keys.length; row += 1)
    if (missing(data[row])) keys[row] = LAST;
    else if (keys[row] === LAST) keys[row] = LAST - 1;
  return keys;
}

/** The index in rising order of `keys[row]`, stable: two passes of 16 bits. */
function radixSort(index, keys) {
  let from = index;
  for (const shift of [0, 16]) {
    const places = new Uint32Array(65537);
    for (const row of from) places[((keys[row] >>> shift) & 0xffff) + 1] += 1;
    for (let digit = 0; digit < 65536; digit += 1) places[digit + 1] += places[digit];
    const to = new Int32Array(from.length);
    for (const row of from) to[places[(keys[row] >>> shift) & 0xffff]++] = row;
    from = to;
  }
  return from;
}
