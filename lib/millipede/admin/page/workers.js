// SPDX-License-Identifier: BSL-1.0
// One line per worker; any column's heading sorts by it.
import {bytes, count, finite, seconds, share} from "./format.js";
import {make, put} from "./chart.js";
import {objects} from "./history.js";

const columns = {
  index: (worker) => worker.index,
  connections: (worker) => worker.connections,
  busy: (worker) => worker.busy_share,
  p99: (worker) => worker.loop_lag_seconds?.p99,
  last: (worker) => worker.loop_lag_seconds?.last,
  max: (worker) => worker.loop_lag_seconds?.max,
  mailbox: (worker) => worker.mailbox_bytes,
};

export class worker_table {
  #body; #headings; #summary;
  #rows = [];
  #sorted = "index";
  #upwards = true;
  #list = [];

  constructor(table, summary) {
    this.#summary = summary;
    this.#body = table.tBodies[0];
    this.#headings = [...table.tHead.rows[0].cells];
    for (const heading of this.#headings) {
      const button = make("button", {type: "button"}, null, heading.textContent);
      button.addEventListener("click", () => this.#sort(heading.dataset.key));
      heading.replaceChildren(button);
    }
    this.#mark();
  }

  draw(workers) {
    this.#list = objects(workers);
    this.#fill();
  }

  #sort(key) {
    // Numbers are wanted from the least on, everything else from the most.
    this.#upwards = this.#sorted === key ? !this.#upwards : key === "index";
    this.#sorted = key;
    this.#mark();
    this.#fill();
  }

  #mark() {
    for (const heading of this.#headings) {
      heading.ariaSort = heading.dataset.key !== this.#sorted ? "none"
        : this.#upwards ? "ascending" : "descending";
    }
  }

  #fill() {
    const key = columns[this.#sorted];
    const ordered = this.#list.map((worker) => [finite(key(worker)) ?? -1, worker])
      .sort(([one], [other]) => (this.#upwards ? one - other : other - one));
    while (this.#rows.length > ordered.length) this.#rows.pop().line.remove();
    while (this.#rows.length < ordered.length) this.#rows.push(this.#row());
    ordered.forEach(([, worker], number) => this.#show(this.#rows[number], worker));
    const stalled = this.#list.filter((worker) => worker.stalled).length;
    const heads = `${count(this.#list.length)} ${this.#list.length === 1 ? "worker" : "workers"}`;
    put(this.#summary, this.#list.length ? `${heads}, ${stalled || "none"} stalled` : "no workers");
  }

  #row() {
    const line = make("tr", {}, this.#body);
    const name = make("td", {}, line);
    const number = make("span", {}, name);
    const pill = make("span", {class: "pill critical"}, name);
    number.after(" ");
    const gauge = () => {
      const bar = make("span", {class: "gauge"}, make("td", {}, line));
      return {fill: make("i", {}, bar), text: make("span", {}, bar)};
    };
    const row = {line, number, pill, connections: gauge(), busy: gauge()};
    row.p99 = make("td", {}, line);
    for (const key of ["last", "max", "mailbox"]) row[key] = make("td", {class: "roomy"}, line);
    return row;
  }

  #show(row, worker) {
    put(row.number, count(worker.index));
    put(row.pill, worker.dead ? "dead" : worker.stalled ? "stalled" : "");
    this.#gauge(row.connections, count(worker.connections),
      finite(worker.connections) / (finite(worker.connections_max) || Infinity));
    this.#gauge(row.busy, share(worker.busy_share), finite(worker.busy_share));
    for (const key of ["p99", "last", "max"]) put(row[key], seconds(columns[key](worker)));
    put(row.mailbox, bytes(worker.mailbox_bytes));
  }

  #gauge({fill, text}, told, part) {
    put(text, told);
    fill.style.width = `${(100 * Math.min(1, Math.max(0, part))).toFixed(1)}%`;
  }
}
