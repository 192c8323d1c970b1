// SPDX-License-Identifier: BSL-1.0
// The live page: what comes by the stream goes into the history, and from there on the screen.
import {bytes, bytes_per_second, count, duration, finite, per_second, seconds, share}
  from "./format.js";
import {figure_history, objects} from "./history.js";
import {line_chart, make, put} from "./chart.js";
import {counter_tables} from "./counters.js";
import {figure_stream} from "./stream.js";
import {worker_table} from "./workers.js";

const $ = (name) => document.getElementById(name);
const history = new figure_history();
const workers = new worker_table($("workers"), $("workers-summary"));
const counters = new counter_tables($("counters"), $("zeros"));
const charts = [
  {title: "Connections", wide: true, format: count, whole: true, least: 3, series: [
    {key: "online", name: "online"}, {key: "connections", name: "connections"}]},
  {title: "Messages", format: per_second, least: 3, series: [
    {key: "messages_received", name: "received"}, {key: "messages_sent", name: "sent"}]},
  {title: "Traffic", format: bytes_per_second, binary: true, least: 3, series: [
    {key: "bytes_received", name: "received"}, {key: "bytes_sent", name: "sent"}]},
  {title: "Coming and going", format: per_second, least: 3, series: [
    {key: "accepted", name: "accepted"}, {key: "closed", name: "ended"}]},
  {title: "Refused, dropped, shed", format: per_second, least: 3, series: [
    {key: "refused", name: "newcomers"}, {key: "messages_dropped", name: "messages"},
    {key: "shed", name: "connections"}]},
  {title: "Loop lag, 99th percentile", format: seconds, least: 0.001, series: [
    {key: "lag_worst", name: "worst worker"}, {key: "lag_typical", name: "middle worker"}]},
  {title: "Busy", format: share, least: 1, series: [
    {key: "busy_worst", name: "busiest worker"}, {key: "busy_mean", name: "mean"}]},
  {title: "Memory", format: bytes, binary: true, least: 1 << 20, series: [
    {key: "resident", name: "resident"}, {key: "budget_used", name: "unsent output"}]},
].map((plan) => new line_chart($("charts"), plan));

let figures = null; // the last ones that came
let arrived = 0; // when, by the browser's clock
let paused = false;
let asked = false; // for a frame

/** Draws with the browser's next frame, however many figures came. Hidden tabs draw nothing. */
function draw_soon() {
  if (asked || !figures || paused) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    if (!paused) draw();
  });
}

function draw() {
  const now = (history.samples.at(-1)?.at ?? 0) + (performance.now() - arrived) / 1000;
  const {connections_max, memory} = figures;
  const notes = {
    connections: finite(connections_max) ? ` of ${count(connections_max)}` : "",
    // Of a few connections it would tell of everything else that the process has.
    resident: finite(memory?.user_bytes_per_connection) && figures.connections >= 1000
      ? ` ${count(memory.user_bytes_per_connection)} B a connection` : "",
    budget_used: finite(memory?.output_budget_bytes)
      ? ` of ${bytes(memory.output_budget_bytes)}` : "",
  };
  $("figures").hidden = false;
  for (const chart of charts) chart.draw(history.samples, now, notes);
  workers.draw(figures.workers);
  counters.draw(figures.totals ?? {}, history);
  draw_head();
}

function draw_head() {
  const name = figures.program || "Millipede";
  put($("program"), name);
  put($("about"), [figures.version, finite(figures.uptime_seconds) === null ? ""
    : `up ${duration(figures.uptime_seconds)}`].filter(Boolean).join(" · "));
  put($("listeners"), Array.isArray(figures.listeners) && figures.listeners.length
    ? `listening on ${figures.listeners.join(", ")}` : "");
  const shown = finite(figures.online) ?? finite(figures.connections);
  const what = finite(figures.online) === null ? "connections" : "online";
  const sign = objects(figures.alarms).length ? "⚠ " : "";
  document.title = `${sign}${count(shown)} ${what} · ${name}`;
}

/** Alarms are told at once, paused or not; those that stay are not read out again. */
function draw_alarms() {
  const alarms = objects(figures.alarms);
  const shown = new Map([...$("alarms").children].map((line) => [line.dataset.key, line]));
  for (const {name, severity, text} of alarms) {
    const key = `${severity} ${name}`;
    const line = shown.get(key) ?? make("p", {"data-key": key,
      class: `alarm ${severity === "critical" ? "critical" : "warning"}`}, $("alarms"));
    if (!shown.delete(key)) {
      make("b", {}, line, String(severity ?? "warning"));
      make("span", {}, line);
    }
    put(line.lastChild, String(text ?? name));
  }
  for (const line of shown.values()) line.remove();
  draw_readiness();
}

function draw_readiness() {
  const draining = figures.state === "draining";
  const reasons = Array.isArray(figures.not_ready) ? figures.not_ready.join(", ") : "";
  const pill = $("readiness");
  pill.hidden = figures.ready === undefined && !draining;
  pill.className = `pill ${draining || !figures.ready ? "warning" : "good"}`;
  put(pill, draining ? "draining" : figures.ready ? "ready"
    : reasons ? `not ready: ${reasons}` : "not ready");
}

function notice(text) {
  $("notice").hidden = !text;
  put($("notice"), text);
}

const told = { // by the stream's states: the pill's class and text
  connecting: () => ["", "connecting"],
  live: () => ["good", "live"],
  stale: ({silent}) => ["warning", `stale: nothing for ${duration(silent / 1000)}`],
  waiting: ({retry_in}) => ["critical",
    `disconnected, next try in ${duration(Math.ceil(retry_in / 1000))}`],
  locked: () => ["warning", "locked"],
};

/** Why there is nothing, in a sentence that changes once and not every second. */
function why_waiting(why) {
  const drained = figures?.state === "draining";
  const since = figures ? ` The figures are those of ${new Date(Date.now() -
    (performance.now() - arrived)).toLocaleTimeString()}.` : "";
  return `${drained ? "The server was draining, and has probably ended." : "No connection:"} ` +
    `${drained ? "" : `${why}.`}${since}`;
}

function on_state(state) {
  const [pill, text] = told[state.name](state);
  const {name} = state;
  $("link").className = `pill ${pill}`;
  // A screen reader hears of a change, not of every second of it.
  const changed = $("link").dataset.state !== name;
  $("link").setAttribute("aria-live", changed ? "polite" : "off");
  $("link").dataset.state = name;
  put($("link"), text);
  $("retry").hidden = name !== "waiting";
  $("figures").classList.toggle("old", name === "stale" || name === "waiting" || name === "locked");
  if (changed && name === "waiting") notice(why_waiting(state.why));
  if (name === "locked") lock(state.refused);
  if (changed && name === "live") {
    notice("");
    $("unlock").hidden = true;
  }
  if (name === "stale" || name === "waiting") draw_soon(); // the lines move away from now
}

function lock(refused) {
  $("unlock").hidden = false;
  if (refused) put($("unlock-why"), "The server does not accept this token.");
  notice("");
  $("token").value = "";
  $("token").focus();
}

function on_figures(latest) {
  figures = latest;
  arrived = performance.now();
  if (history.add(latest)) notice("The server has been started again: its figures begin anew.");
  draw_alarms();
  draw_soon();
}

const stream = new figure_stream({address: "events", on_figures, on_state});

$("retry").addEventListener("click", () => stream.retry());
$("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  stream.unlock($("token").value.trim());
});
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", paused);
  draw_soon();
});
$("zeros").addEventListener("change", draw_soon);
document.addEventListener("visibilitychange", draw_soon);
