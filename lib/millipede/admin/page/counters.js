// SPDX-License-Identifier: BSL-1.0
// What went wrong, by reason; the names are those of /stats. One that this page does not know yet
// is shown among the others.
import {bytes, count, duration, finite} from "./format.js";
import {make, put} from "./chart.js";

const groups = {
  "Newcomers turned away": `full newcomers_over_limit newcomers_over_source_limit
    newcomers_over_rate newcomers_over_source_rate newcomers_shed accept_failures tls_failures
    bad_proxy_headers abandoned`,
  "Messages lost": `messages_dropped messages_dropped_newest messages_dropped_oldest bytes_dropped
    bytes_shed stale_requests offload_refused offload_failed offload_dropped log_lines_dropped`,
  "Connections ended": `closed_by_peer closed_by_server timeouts first_message_timeouts
    message_timeouts errors refused_frames too_fast shed shed_for_budget handler_failures stopped
    cut`,
  "Signs of strain": `stalls worker_restarts callback_failures writes_blocked rate_pauses
    heartbeats`,
  Others: "",
};
// Shown in charts, or levels rather than counts.
const elsewhere = `accepted opened closed released messages_received messages_sent bytes_received
  bytes_sent output_held_bytes offloaded offload_waiting tls_handshakes stalled`;
const words = (text) => text.split(/\s+/).filter(Boolean);

export class counter_tables {
  #tables;
  #known;
  #all; // the checkbox: zeros are shown, too

  constructor(parent, all) {
    this.#all = all;
    this.#known = new Set(words(elsewhere));
    this.#tables = Object.entries(groups).map(([title, names]) => {
      const table = this.#table(parent, title);
      for (const name of words(names)) this.#row(table, name);
      return table;
    });
  }

  draw(totals, history) {
    for (const name of Object.keys(totals)) {
      if (!this.#known.has(name)) this.#row(this.#tables.at(-1), name);
    }
    const span = history.recent_span > 55 ? "last minute"
      : `last ${duration(history.recent_span)}`;
    for (const {box, heading, none, rows} of this.#tables) {
      put(heading, span);
      for (const row of rows) this.#fill(row, totals, history);
      none.hidden = rows.some(({line}) => !line.hidden);
      box.hidden = rows.length === 0;
    }
  }

  #fill({name, line, recent, whole}, totals, history) {
    const text = name.startsWith("bytes_") ? bytes : count;
    const grown = history.recent(name);
    line.hidden = finite(totals[name]) === null || !(totals[name] || this.#all.checked);
    put(recent, text(grown));
    put(whole, text(totals[name]));
    recent.className = grown ? "" : "zero";
  }

  #table(parent, title) {
    const box = make("div", {}, parent);
    const table = make("table", {}, box);
    const head = make("tr", {}, make("thead", {}, table));
    make("th", {scope: "col"}, head, title);
    const heading = make("th", {scope: "col"}, head);
    make("th", {scope: "col"}, head, "in all");
    const none = make("tr", {}, make("tbody", {}, table));
    make("td", {class: "zero"}, none, "none");
    return {box, heading, none, body: make("tbody", {}, table), rows: []};
  }

  #row({body, rows}, name) {
    this.#known.add(name);
    const line = make("tr", {"data-counter": name}, body);
    make("td", {}, line, name.replaceAll("_", " "));
    rows.push({name, line, recent: make("td", {}, line), whole: make("td", {}, line)});
  }
}
