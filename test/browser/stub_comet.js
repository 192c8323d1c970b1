// SPDX-License-Identifier: BSL-1.0
// Stands in for a browser's WebSocket, EventSource and fetch, so that a test can be their server:
// what was opened is in stub.opened, in order. Nothing happens unless the test says so.
globalThis.stub = {
  opened: [],
  /** What was opened last. */
  get last() { return this.opened.at(-1); },
  /** The addresses of all, without the host. */
  get addresses() { return this.opened.map(({kind, url}) => `${kind} ${url.pathname}`); },
  /** The parameters of the last. */
  get query() { return Object.fromEntries(this.last.url.searchParams); },
};

{
  const note = (kind, url, rest) =>
    Object.assign(rest, {kind, url: new URL(url, location), is_closed: false, sent: []}) &&
    stub.opened.push(rest);

  globalThis.WebSocket = class {
    constructor(url) { note("websocket", url, this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() { this.is_closed = true; }
    open() { this.onopen({}); }
    message(...objects) {
      for (const each of objects) this.onmessage({data: JSON.stringify(each)});
    }
    text(data) { this.onmessage({data}); }
    fail() { this.onclose({code: 1006, reason: ""}); }
  };

  globalThis.EventSource = class {
    constructor(url) { note("sse", url, this); }
    close() { this.is_closed = true; }
    open() { this.onopen({}); }
    message(...objects) {
      for (const each of objects) this.onmessage({data: JSON.stringify(each)});
    }
    fail() { this.onerror({}); }
  };

  globalThis.fetch = (url, {signal, method = "GET", body} = {}) => new Promise((done, refused) => {
    const asked = {method, body: body && Object.fromEntries(body)};
    asked.reply = (status, text = "") => done(new Response(text, {status}));
    asked.message = (...objects) => asked.reply(200, JSON.stringify(objects));
    asked.fail = () => refused(new TypeError("Failed to fetch"));
    signal.addEventListener("abort", () => {
      asked.is_closed = true;
      refused(signal.reason);
    });
    note("fetch", url, asked);
  });
}
