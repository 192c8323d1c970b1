// SPDX-License-Identifier: BSL-1.0
// The server's figures as they come: server-sent events, read with fetch(). EventSource cannot send
// an Authorization header, and a token has no place in an address.

const stale_after = 4000; // milliseconds without figures, which come every second
const lost_after = 15000; // then the connection is given up, and another one made
const delay_first = 1000; // before another attempt; doubles with each that fails
const delay_max = 30000;
const lasting = 10000; // who was connected for so long begins with the first delay again
const line_max = 8 << 20; // characters of a line, and lines of an event: what sends more
const lines_max = 1000; // is no server of ours
const token_key = "millipede-token";

/** Cuts a stream of text into the data of its events. */
export class event_parser {
  #rest = "";
  #data = [];

  /** The data of all events that are complete with this text. */
  push(text) {
    const events = [];
    // A CR at the end may be half of a CRLF: it waits for what follows.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    if (this.#rest.length > line_max || this.#data.length > lines_max) {
      throw new Error("an event without end");
    }
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length) events.push(this.#data.join("\n"));
        this.#data = [];
      } else if (line === "data" || line.startsWith("data:")) {
        this.#data.push(line.slice(5).replace(/^ /, ""));
      }
    }
    return events;
  }
}

/**
 * Stays connected to an address. Calls on_figures(object) for each event and on_state({name, ...})
 * when something changed: connecting, live, stale {silent}, waiting {retry_in, why}, locked
 * {refused}. Times are in milliseconds.
 */
export class figure_stream {
  #address;
  #on_figures;
  #on_state;
  #attempt = null; // AbortController of the open request
  #failures = 0;
  #since = 0;
  #heard = 0;
  #retry_at = null;
  #why = "";
  #token = sessionStorage.getItem(token_key);

  constructor({address, on_figures, on_state}) {
    this.#address = address;
    this.#on_figures = on_figures;
    this.#on_state = on_state;
    setInterval(() => this.#look(), 1000);
    // A laptop that wakes up, or a network that is back, need not wait out the delay.
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden || this.retry());
    this.#connect();
  }

  /** Ends the wait for the next attempt. */
  retry() {
    if (this.#retry_at !== null) this.#connect();
  }

  /** Takes a token, and tries it. */
  unlock(token) {
    if (/^[\x21-\x7e]+$/.test(token)) {
      this.#token = token;
      this.#connect();
    } else { // no header may hold it
      this.#on_state({name: "locked", refused: true});
    }
  }

  #look() {
    const now = performance.now();
    if (this.#retry_at !== null) {
      if (now >= this.#retry_at) this.#connect();
      else this.#tell_waiting();
    } else if (this.#attempt) {
      const silent = now - this.#heard;
      if (silent > lost_after) this.#attempt.abort(new Error("no figures come"));
      else if (silent > stale_after) this.#on_state({name: "stale", silent});
    }
  }

  #tell_waiting() {
    const retry_in = Math.max(0, this.#retry_at - performance.now());
    this.#on_state({name: "waiting", retry_in, why: this.#why});
  }

  async #connect() {
    this.#retry_at = null;
    this.#attempt?.abort();
    const attempt = this.#attempt = new AbortController();
    this.#since = this.#heard = performance.now();
    this.#on_state({name: "connecting"});
    try {
      await this.#read(attempt);
      throw new Error("the server ended the connection");
    } catch (failure) {
      if (this.#attempt !== attempt) return; // another one has taken its place
      this.#attempt = null;
      const why = attempt.signal.aborted ? attempt.signal.reason : failure;
      attempt.abort(); // whatever may still come
      if (failure.locked) this.#on_state({name: "locked", refused: Boolean(this.#token)});
      else this.#wait(why);
    }
  }

  async #read(attempt) {
    const headers = {Accept: "text/event-stream"};
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    const {signal} = attempt;
    const or_say = (why) => (failure) => { throw signal.aborted ? failure : new Error(why); };
    const response = await fetch(this.#address, {headers, cache: "no-store", signal})
      .catch(or_say("no answer"));
    if (response.status === 401) {
      sessionStorage.removeItem(token_key);
      throw Object.assign(new Error("locked"), {locked: true});
    }
    if (!response.ok) {
      throw new Error(response.status === 503 ? "too many are looking at this server already"
        : `the server answers ${response.status}`);
    }
    if (this.#token) sessionStorage.setItem(token_key, this.#token);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new event_parser();
    for (;;) {
      const {done, value} = await reader.read().catch(or_say("cut off"));
      if (done || this.#attempt !== attempt) return;
      for (const data of parser.push(value)) this.#take(data);
    }
  }

  #take(data) {
    let figures;
    try {
      figures = JSON.parse(data);
    } catch {
      figures = null;
    }
    if (figures === null || typeof figures !== "object" || Array.isArray(figures)) return;
    this.#heard = performance.now();
    if (this.#heard - this.#since > lasting) this.#failures = 0;
    this.#on_state({name: "live"});
    this.#on_figures(figures);
  }

  #wait(failure) {
    const bound = Math.min(delay_max, delay_first * 2 ** this.#failures++);
    this.#retry_at = performance.now() + bound * (0.5 + Math.random() / 2);
    this.#why = failure.message;
    this.#tell_waiting();
  }
}
