// Where the data come from: the server of `guerdon view`, or the page itself. Both answer the same questions.

const READERS = { int: Int32Array, float: Float32Array, bool: Uint8Array, label: Int32Array };

/** Base64 of a little-endian array -> typed array. */
function decode(text, kind) {
  if (Uint8Array.fromBase64) return new READERS[kind](Uint8Array.fromBase64(text).buffer);
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at += 1) bytes[at] = raw.charCodeAt(at);
  return new READERS[kind](bytes.buffer);
}

/** A JSON answer, or an error with the server's sentence. */
async function ask(path, body) {
  const options =
    body === undefined
      ? {}
      : { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("the server does not answer; is `guerdon view` still running?");
  }
  const found = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(found.error);
  return found;
}

class Server {
  live = true;

  /** Only the version, if it is still the one that is known. */
  meta(known = "") {
    return ask(`api/meta?known=${known}`);
  }

  columns() {
    return ask("api/columns");
  }

  texts(rows) {
    return ask(`api/texts?rows=${rows.join(",")}`);
  }

  async search(text, where, exact) {
    const query = new URLSearchParams({ q: text, in: where, case: exact ? "1" : "0" });
    return (await ask(`api/search?${query}`)).rows;
  }

  rollout(row) {
    return ask(`api/rollout?row=${row}`);
  }

  checkpoints(request) {
    return ask("api/checkpoints", request);
  }
}

class Embedded {
  live = false;

  constructor(data) {
    this.data = data;
  }

  async meta() {
    return this.data.meta;
  }

  async columns() {
    return this.data.columns;
  }

  async texts(rows) {
    const { prompt, response } = this.data.texts;
    return {
      rows,
      prompt: rows.map((row) => prompt[row]?.slice(0, 200)),
      response: rows.map((row) => response[row]?.slice(0, 400)),
    };
  }

  async search(text, where, exact) {
    const fold = exact ? (one) => one ?? "" : (one) => (one ?? "").toLowerCase();
    const wanted = fold(text);
    const places = where === "both" ? ["prompt", "response"] : [where];
    const found = [];
    for (let row = 0; row < this.data.columns.rows; row += 1) {
      const whole = this.data.rollouts[row];
      if (places.some((place) => fold(whole?.[place] ?? this.data.texts[place][row]).includes(wanted))) found.push(row);
    }
    return found;
  }

  async rollout(row) {
    const found = this.data.rollouts[row];
    if (!found) throw new Error("this rollout is not in the file; `guerdon view` shows all of them");
    return found;
  }
}

/** The page's own data if it holds any, else the server. */
function openSource() {
  const data = byId("data");
  return data ? new Embedded(JSON.parse(data.textContent)) : new Server();
}
