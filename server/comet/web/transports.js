// SPDX-License-Identifier: BSL-1.0
// How messages come from millipede-comet: part of comet.js.

/**
 * Each opens one connection (a poll: asks once) for {items, user} and gives an object that can
 * close() it; a WebSocket's can send(object), too, and nothing is subscribed to on it yet. It tells
 * heard.open(), heard.text(json) for what comes, and at last heard.end(why), with null for a poll
 * that was answered.
 */
export const openers = {
  websocket(base, {user}, heard) {
    const address = new URL("ws", base);
    address.protocol = base.protocol.replace("http", "ws");
    if (user) address.searchParams.set("user", user);
    const socket = new WebSocket(address);
    socket.onopen = () => heard.open();
    socket.onmessage = ({data}) => heard.text(data);
    socket.onclose = ({code, reason}) => heard.end(reason || `the connection ended (${code})`);
    return {send: (object) => socket.send(JSON.stringify(object)), close: () => socket.close()};
  },

  sse(base, wanted, heard) {
    const source = new EventSource(new URL(`sse?${query_of(wanted)}`, base));
    source.onopen = () => heard.open();
    source.onmessage = ({data}) => heard.text(data);
    // It would come again by itself, but without jitter, and asking for what it has already.
    source.onerror = () => heard.end("the event stream ended");
    return {close: () => source.close()};
  },

  poll(base, wanted, heard) {
    const attempt = new AbortController();
    const ask = async () => {
      const response = await fetch(new URL(`poll?${query_of(wanted)}`, base),
                                   {cache: "no-store", signal: attempt.signal});
      if (!response.ok) throw new Error(`the server answers ${response.status}`);
      heard.open();
      heard.text(await response.text());
    };
    ask().then(() => heard.end(null), (failure) => heard.end(failure.message));
    return {close: () => attempt.abort()};
  },
};
const globals = {websocket: "WebSocket", sse: "EventSource", poll: "fetch"};

/** One channel as icomet has it, several as it has not. */
function query_of({items, user}) {
  const query = new URLSearchParams();
  if (items.length === 1) {
    for (const [name, value] of Object.entries(items[0])) {
      query.set(name, value === true ? "1" : value);
    }
  } else {
    query.set("channels", JSON.stringify(items));
  }
  if (user) query.set("user", user);
  return query;
}

function transports_of(wanted) {
  const names = wanted === "auto" ? Object.keys(openers) : [wanted].flat();
  for (const name of names) {
    if (!Object.hasOwn(openers, name)) throw new TypeError(`'${name}' is no transport`);
  }
  const there = names.filter((name) => globals[name] in globalThis);
  if (!there.length) throw new TypeError("this browser has no such transport");
  return there;
}

const lasting = 10_000; // milliseconds: who was connected for so long begins anew
const loyalty = 3; // failures of a transport that has worked until others are tried, too
const first_hops = 250; // the delay's bound while transports are tried that never worked

/** Which transport is next, and after what delay: exponential, with full jitter. */
export class attempts {
  #names;
  #delay_first;
  #delay_max;
  #proven = new Set(); // those that have brought a message
  #failures = 0; // connections in a row that did not last

  /** `wanted`: "auto", a name, or an array of names. Throws TypeError if there is none. */
  constructor(wanted, {delay_first, delay_max}) {
    this.#names = transports_of(wanted);
    this.#delay_first = delay_first;
    this.#delay_max = delay_max;
  }

  /** What went wrong before does not count any more. */
  begin() { this.#failures = 0; }

  /** A message came by it. Each answered poll is a success of its own. */
  worked(name) {
    this.#proven.add(name);
    if (name === "poll") this.#failures = 0;
  }

  /** The best that has worked, and when it does not any more, all in turn. */
  next() {
    const proven = this.#names.find((each) => this.#proven.has(each));
    if (proven && this.#failures < loyalty) return proven;
    return this.#names[(this.#failures - (proven ? loyalty : 0)) % this.#names.length];
  }

  /** A connection that worked for so long has ended; the delay until the next. */
  failed(after) {
    this.#failures = after > lasting ? 0 : this.#failures + 1;
    const any_proven = this.#proven.size > 0;
    const is_hop = !any_proven && this.#failures < this.#names.length;
    const rounds = Math.max(0, this.#failures - (any_proven ? 1 : this.#names.length));
    const bound = is_hop ? Math.min(first_hops, this.#delay_first)
      : Math.min(this.#delay_max, this.#delay_first * 2 ** rounds);
    return Math.random() * bound;
  }
}
