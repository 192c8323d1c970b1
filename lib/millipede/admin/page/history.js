// SPDX-License-Identifier: BSL-1.0
// What the page remembers: one small sample per second of the last ten minutes, and no more.
import {finite} from "./format.js";

export const span_max = 600; // seconds
const gap_after = 5; // seconds without a sample: no line is drawn across
const apart = 0.2; // seconds: samples closer than this would make a rate of noise
const totals_kept = 61; // a minute's worth of all counters

/** Newcomers turned away, whatever for. */
export const refusals = ["full", "newcomers_over_limit", "newcomers_over_source_limit",
  "newcomers_over_rate", "newcomers_over_source_rate", "newcomers_shed"];

const rates = ["accepted", "closed", "messages_received", "messages_sent", "bytes_received",
  "bytes_sent", "messages_dropped", "shed", ...refusals];

const sum = (values) => values.reduce((whole, value) =>
  (value === null ? whole : (whole ?? 0) + value), null);

/** The least value that at least `part` of all do not exceed; null of none. */
function quantile(values, part) {
  const sorted = values.filter((value) => value !== null).sort((one, other) => one - other);
  return sorted.length ? sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] : null;
}

/** A list of objects, whatever it was. */
export const objects = (list) =>
  (Array.isArray(list) ? list.filter((item) => item && typeof item === "object") : []);

export class figure_history {
  /** Oldest first: {at, time, gap, values}; `at` counts seconds of the server's uptime. */
  samples = [];
  #totals = []; // {at, totals}, oldest first

  /** Takes one event's figures. True if they are of a server that has been started again. */
  add(figures) {
    const at = finite(figures.uptime_seconds);
    if (at === null) return false;
    const totals = figures.totals && typeof figures.totals === "object" ? figures.totals : {};
    const last = this.#totals.at(-1);
    const restarted = last !== undefined && (at < last.at || rates.some((name) =>
      finite(totals[name]) !== null && totals[name] < last.totals[name]));
    if (restarted) {
      this.samples = [];
      this.#totals = [];
    } else if (last && at - last.at < apart) {
      return false;
    }
    const before = this.#totals.at(-1);
    this.samples.push({
      at, time: finite(figures.time), gap: !before || at - before.at > gap_after,
      values: this.#values(figures, totals, before, at),
    });
    this.#totals.push({at, totals});
    while (at - this.samples[0].at > span_max) this.samples.shift();
    if (this.#totals.length > totals_kept) this.#totals.shift();
    return restarted;
  }

  /** What a counter has grown by in the last minute, as far as that is known; or null. */
  recent(name) {
    const first = finite(this.#totals[0]?.totals[name]);
    const last = finite(this.#totals.at(-1)?.totals[name]);
    return first === null || last === null ? null : last - first;
  }

  /** How far back recent() looks, in seconds. */
  get recent_span() {
    return this.#totals.length ? this.#totals.at(-1).at - this.#totals[0].at : 0;
  }

  #values(figures, totals, before, at) {
    const rate = (name) => {
      const now = finite(totals[name]);
      const then = finite(before?.totals[name]);
      return now === null || then === null ? null : (now - then) / (at - before.at);
    };
    const workers = objects(figures.workers);
    const lags = workers.map((worker) => finite(worker.loop_lag_seconds?.p99));
    const busy = workers.map((worker) => finite(worker.busy_share));
    const known = busy.filter((value) => value !== null);
    return {
      online: finite(figures.online),
      connections: finite(figures.connections),
      ...Object.fromEntries(rates.map((name) => [name, rate(name)])),
      refused: sum(refusals.map(rate)),
      lag_worst: quantile(lags, 1),
      lag_typical: quantile(lags, 0.5),
      busy_worst: quantile(busy, 1),
      busy_mean: known.length ? sum(known) / known.length : null,
      resident: finite(figures.memory?.resident_bytes),
      budget_used: finite(figures.memory?.output_budget_used_bytes),
    };
  }
}
