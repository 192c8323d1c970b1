// SPDX-License-Identifier: BSL-1.0
// A browser's side of millipede-comet. What a page has subscribed to comes to it in order, once,
// whatever happens to the connection; and if something did not come, the page is told so.
//
//   import {Comet} from "https://push.example.org/comet.js";
//   const comet = new Comet("https://push.example.org/", {channel: "news"});
//   comet.addEventListener("message", ({detail}) => show(detail.content));
//
// docs/comet.md, "In the browser", describes all of it. With icomet 0.2.5 as the server it works,
// too: one channel, event stream or long-poll, and no way to publish.

import {attempts, openers} from "./transports.js";

const look_every = 1_000;
const asleep_for = 150_000; // no timer of the page rang: whatever was open may be gone
const hold_least = 5_000; // before a channel that is full is asked for again; up to twice that
const token_attempts = 3;
const answered = new Set(); // origins of servers that have answered a poll of this page

/** What the server answered to publish(): `status` as in HTTP; 0: none came, so nobody knows. */
export class CometError extends Error {
  constructor(message, status) {
    super(message);
    this.name = "CometError";
    this.status = status;
  }
}

/** Numbers have 32 bits and wrap: how far `seq` is ahead of `other`. */
const ahead = (seq, other) => (seq - other) | 0;

/**
 * A client. Events (CustomEvent, what they say is in `detail`): message {channel, seq, content,
 * broadcast}; open {channel, seq, resumed}; gap {channel, reason, from, seq}; close {channel};
 * refused {channel, status, retry_in}; present, join, leave {channel, user}; state {state,
 * transport, retry_in, why}. Times are in milliseconds.
 */
export class Comet extends EventTarget {
  #base;
  #options;
  #attempts;
  #channels = new Map();
  #line = null; // the open connection: {transport, opened, spoken, since, heard, send?, close}
  #timer = null; // of the next attempt
  #watch = null;
  #looked = 0;
  #changing = false;
  #publishing = []; // {channel, resolve, reject} that the WebSocket has not answered
  #state = {state: "idle", transport: null, retry_in: null, why: null};
  #ending = new AbortController(); // of listeners

  /**
   * Connects as soon as there is a channel. `url`: where the server's paths begin. Options:
   * channel (a name) or channels (of names, or objects as subscribe() takes them, with `channel`);
   * seq, epoch, token, presence: of all of these; user: who this is, for presence; transport:
   * "auto", "websocket", "sse", "poll" or an array of these, best first; delay_first [1000],
   * delay_max [30000]: bounds of the random delay before a new attempt; connect_max [10000]: until
   * a connection is up; silence_max [45000]: then it counts as lost; above the server's
   * --polling-timeout.
   */
  constructor(url, options = {}) {
    super();
    const {channel, channels = [], transport = "auto", ...rest} = options;
    const here = globalThis.document?.baseURI ?? globalThis.location?.href;
    this.#base = new URL(url, here);
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
    this.#options = {delay_first: 1_000, delay_max: 30_000, connect_max: 10_000,
                     silence_max: 45_000, ...rest};
    this.#attempts = new attempts(transport, this.#options);
    const {signal} = this.#ending;
    globalThis.addEventListener?.("online", () => this.#reopen(), {signal});
    globalThis.document?.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#timer !== null) this.#reopen();
    }, {signal});
    for (const each of channel === undefined ? channels : [channel, ...channels]) {
      if (typeof each === "string") this.subscribe(each);
      else this.subscribe(each.channel, each);
    }
  }

  get state() { return this.#state.state; }
  get transport() { return this.#line?.transport ?? null; }
  get channels() { return [...this.#channels.keys()]; }

  /** The users of a channel that was subscribed to with `presence`, as far as they were told. */
  users(name) { return [...this.#channels.get(name)?.users ?? []]; }

  /** Where a channel stands: what subscribe() goes on from, after the page was loaded again. */
  position(name) {
    const channel = this.#channels.get(name);
    return channel ? {seq: channel.next ?? 0, epoch: channel.epoch} : null;
  }

  /**
   * One more channel, unless it is subscribed to already. seq: the number of the first message that
   * is wanted, 1 for all that are kept [0: those from now on]; epoch: of which life of the channel;
   * token: a text, or a function(channel) that gives one or a promise of it, called again when the
   * server does not take it any more; presence: whether users are told of.
   */
  subscribe(name, {seq, epoch, token, presence} = {}) {
    if (this.#state.state === "closed") throw new Error("this client has been closed");
    if (typeof name !== "string") throw new TypeError("a channel's name is a string");
    if (this.#channels.has(name)) return;
    const given = this.#options;
    const channel = {
      name, next: (seq ?? given.seq) || null, epoch: epoch ?? given.epoch ?? "",
      token: token ?? given.token ?? "", shown: null, presence: presence ?? given.presence,
      users: new Set(), asked: false, is_open: false, refusals: 0, hold: null};
    this.#channels.set(name, channel);
    this.#add(channel);
  }

  /** One less. */
  unsubscribe(name) {
    const channel = this.#channels.get(name);
    if (!channel) return;
    this.#forget(channel);
    if (this.#line?.transport !== "websocket" || !this.#active().length) this.#change();
    else if (channel.asked) this.#line.send({unsubscribe: [name]});
  }

  /**
   * Publishes a text, by the WebSocket if there is one, else by POST; if the server lets browsers
   * (--front-publish). ttl: seconds for which it is replayed; token: if it needs another than the
   * subscription. Rejects with a CometError.
   */
  async publish(name, content, {ttl, token} = {}) {
    if (typeof content !== "string") throw new TypeError("what is published is a string");
    const channel = this.#channels.get(name);
    const shown = token ?? channel?.shown;
    const publication = {cname: name, content, ...(ttl !== undefined && {ttl}),
                         ...(shown && {token: shown})};
    // While a subscription is under way nobody could tell what an error is about.
    if (this.#line?.send && this.#line.opened && (!channel || channel.is_open)) {
      return new Promise((resolve, reject) => {
        this.#publishing.push({channel: name, resolve, reject});
        this.#line.send({publish: publication});
      });
    }
    const response = await fetch(new URL("push", this.#base), {
      method: "POST", body: new URLSearchParams(publication), cache: "no-store",
      signal: AbortSignal.timeout(this.#options.connect_max),
    }).catch((failure) => { throw new CometError(`no answer: ${failure.message}`, 0); });
    if (!response.ok) {
      throw new CometError(`the server answers ${response.status}`, response.status);
    }
  }

  /** Ends it for good. */
  close() {
    this.#ending.abort();
    for (const channel of [...this.#channels.values()]) this.#forget(channel);
    this.#disconnect();
    this.#tell("closed");
  }

  // -- Channels

  #active() { return [...this.#channels.values()].filter((each) => each.hold === null); }

  #forget(channel) {
    clearTimeout(channel.hold);
    this.#channels.delete(channel.name);
  }

  async #item(channel, transport) {
    channel.shown ??= typeof channel.token === "function" ? await channel.token(channel.name)
      : channel.token;
    return {cname: channel.name, seq: channel.next ?? 0, epoch: channel.epoch,
            ...(channel.shown && {token: channel.shown}),
            ...(channel.presence && transport !== "poll" && {presence: true})};
  }

  #add(channel) {
    if (this.#line?.transport !== "websocket") this.#change();
    else if (this.#line.opened) this.#ask([channel]); // else #opened() asks for all
  }

  // On a WebSocket.
  async #ask(channels) {
    const line = this.#line;
    try {
      const items = await Promise.all(channels.map((each) => this.#item(each, line.transport)));
      if (this.#line !== line) return; // its successor asks for all
      const still = channels.map((each) => this.#channels.get(each.name) === each);
      channels.forEach((each, index) => { each.asked = still[index]; });
      const wanted = items.filter((_, index) => still[index]);
      if (wanted.length) line.send({subscribe: wanted});
    } catch (failure) {
      if (this.#line === line) this.#lose(`no token: ${failure.message}`);
    }
  }

  // All that changes in one go needs but one new request.
  #change() {
    if (this.#changing) return;
    this.#changing = true;
    queueMicrotask(() => {
      this.#changing = false;
      if (this.#state.state !== "closed" && this.#timer === null) this.#connect();
    });
  }

  #hold(channel, status, delay) {
    channel.asked = channel.is_open = false;
    channel.hold = setTimeout(() => {
      channel.hold = null;
      this.#add(channel);
    }, delay);
    this.#emit("refused", {channel: channel.name, status, retry_in: delay});
  }

  // -- The connection

  #emit(name, detail) { this.dispatchEvent(new CustomEvent(name, {detail})); }

  #tell(state, more = {}) {
    const next = {state, transport: this.transport, retry_in: null, why: null, ...more};
    const old = this.#state;
    this.#state = next;
    if (Object.keys(next).some((key) => next[key] !== old[key])) this.#emit("state", {...next});
  }

  #disconnect() {
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    const line = this.#line;
    this.#line = this.#timer = null;
    line?.close();
    for (const channel of this.#channels.values()) channel.asked = channel.is_open = false;
    for (const {reject} of this.#publishing.splice(0)) {
      reject(new CometError("the connection was lost before the answer came", 0));
    }
  }

  /** Ends the wait, or what may have become of a connection meanwhile. */
  #reopen() {
    if (this.#line === null && this.#timer === null) return;
    this.#attempts.begin();
    this.#connect();
  }

  async #connect() {
    const polls_on = this.#line?.transport === "poll" && this.#state.state === "open";
    this.#disconnect();
    const channels = this.#active();
    if (!channels.length) return this.#tell(this.#channels.size ? "waiting" : "idle");
    const now = performance.now();
    const line = {transport: this.#attempts.next(), opened: false, spoken: false, probed: false,
                  since: now, heard: now, close() {}};
    line.awaits_opening = line.transport !== "poll" &&
      channels.some((each) => each.next === null || each.epoch);
    this.#line = line;
    this.#looked = Date.now();
    this.#watch = setInterval(() => this.#look(), look_every);
    if (!polls_on) this.#tell("connecting");
    const only_now = (react) => (...what) => { if (this.#line === line) react(...what); };
    try {
      const items = line.transport === "websocket" ? []
        : await Promise.all(channels.map((each) => this.#item(each, line.transport)));
      if (this.#line !== line) return;
      Object.assign(line, openers[line.transport](
        this.#base, {items, user: this.#options.user}, {
          open: only_now(() => this.#opened()),
          text: only_now((text) => this.#read(text)),
          end: only_now((why) => (why === null ? this.#connect() : this.#lose(why))),
        }));
    } catch (failure) { // of a token's function, or an address that cannot be
      return only_now(() => this.#lose(failure.message))();
    }
  }

  #opened() {
    this.#line.opened = true;
    this.#line.heard = performance.now();
    if (this.#line.send) this.#ask(this.#active());
    this.#tell("open");
  }

  #look() {
    const line = this.#line;
    const {transport, opened, spoken, awaits_opening, heard} = line;
    const slept = Date.now() - this.#looked > asleep_for;
    this.#looked = Date.now();
    if (slept) return this.#reopen();
    const {connect_max, silence_max} = this.#options;
    const silent = performance.now() - heard;
    // Of the server's pings a page is not told. So it asks for what it has: that is answered (409).
    if (opened && line.send && !line.probed && silent > silence_max / 2) {
      line.probed = true;
      this.#ask(this.#active().slice(0, 1));
    }
    // A poll on a connection that has answered one gets the head with its message, not before; and
    // which connection it is on only the browser knows.
    const may_be_late = transport === "poll" && answered.has(this.#base.origin);
    const is_up = may_be_late || (opened && (spoken || !awaits_opening));
    if (silent > (is_up ? silence_max : connect_max)) {
      this.#lose(`nothing came by ${transport}`);
    }
  }

  #lose(why) {
    const line = this.#line;
    this.#disconnect();
    const delay = this.#attempts.failed(line.spoken ? performance.now() - line.since : 0);
    if (!this.#active().length) return this.#connect();
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#tell("waiting", {retry_in: delay, why});
  }

  // -- What comes

  #read(text) {
    let messages;
    try {
      messages = [JSON.parse(text)].flat();
    } catch {
      messages = [null];
    }
    const line = this.#line;
    const is_ours = (each) => typeof each?.type === "string" && typeof each.cname === "string";
    if (!messages.length || !messages.every(is_ours)) {
      return this.#lose("what came is no message of a comet server");
    }
    line.heard = performance.now();
    line.spoken = true;
    if (line.transport === "poll") answered.add(this.#base.origin);
    line.probed = false;
    this.#attempts.worked(line.transport);
    for (const message of messages) {
      if (this.#line === line) this.#take(message);
    }
  }

  #take({type, cname, seq, content, epoch}) {
    const channel = this.#channels.get(cname);
    if (type === "ok" || /^\d+$/.test(type)) return this.#answer(type, cname, channel, content);
    if (!channel || channel.hold !== null) return;
    switch (type) {
      case "data": case "broadcast": return this.#deliver(channel, type, seq, content);
      case "open": case "next_seq": return this.#begin(channel, type, seq, epoch);
      case "gap":
        this.#miss(channel, content, seq);
        return this.#begin(channel, type, seq, epoch);
      case "present": case "join": case "leave":
        channel.users[type === "leave" ? "delete" : "add"](content);
        return this.#emit(type, {channel: cname, user: content});
      case "close":
        this.#forget(channel);
        this.#emit("close", {channel: cname});
        if (!this.#active().length) this.#change();
    }
  }

  #deliver(channel, type, seq, content) {
    const further = channel.next === null ? 0 : ahead(seq, channel.next);
    if (further < 0) return; // a double
    if (further > 0) this.#miss(channel, "lost", seq);
    channel.next = (seq + 1) | 0;
    const detail = {channel: channel.name, seq, content, broadcast: type === "broadcast"};
    this.#emit("message", detail);
  }

  #miss(channel, reason, seq) {
    this.#emit("gap", {channel: channel.name, reason, from: channel.next, seq});
    channel.next = seq;
  }

  #begin(channel, type, seq, epoch) {
    const further = channel.next === null ? 0 : ahead(seq, channel.next);
    // icomet has no epoch; but its next number is less than before only when it began anew.
    if (further !== 0) this.#miss(channel, further < 0 ? "restarted" : "lost", seq);
    else if (type === "next_seq" && channel.next !== null) return; // behind a broadcast
    const resumed = type === "open" && channel.next !== null && further === 0;
    Object.assign(channel, {next: seq, epoch: epoch ?? channel.epoch, is_open: true, refusals: 0,
                            users: new Set()});
    this.#emit("open", {channel: channel.name, seq, resumed});
  }

  #answer(type, name, channel, content) {
    const asked = this.#publishing.findIndex((each) => each.channel === name);
    if (asked >= 0 && (!channel || channel.is_open || type === "ok")) {
      const [{resolve, reject}] = this.#publishing.splice(asked, 1);
      const why = content || `the server answers ${type}`;
      return type === "ok" ? resolve() : reject(new CometError(why, Number(type)));
    }
    if (!channel || type === "ok" || type === "409") return;
    const may_recover = type === "429" || type === "503";
    const again = type === "401" && typeof channel.token === "function" &&
      ++channel.refusals < token_attempts;
    if (type === "401") channel.shown = null;
    if (may_recover) this.#hold(channel, Number(type), hold_least * (1 + Math.random()));
    else if (again) this.#hold(channel, 401, this.#options.delay_first * Math.random());
    else {
      this.#forget(channel);
      this.#emit("refused", {channel: name, status: Number(type), retry_in: null});
    }
    if (!this.#active().length) this.#change();
  }
}
