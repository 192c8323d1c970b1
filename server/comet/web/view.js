// SPDX-License-Identifier: BSL-1.0
// What the pages share.

export const $ = (name) => document.getElementById(name);

/** An element with a class and a text: always a text, whoever wrote it. */
export function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** A time, for people and for machines; its day where that is not today. */
export function clock(when = new Date()) {
  const digits = {hour: "2-digit", minute: "2-digit"};
  const is_today = when.toDateString() === new Date().toDateString();
  const element = make("time", "", is_today ? when.toLocaleTimeString([], digits)
    : when.toLocaleString([], {dateStyle: "medium", timeStyle: "short"}));
  element.dateTime = when.toISOString();
  return element;
}

/** Adds a line at the end of a log, of which the last ones are kept; it follows who was there. */
export function add_line(log, line, lines_max) {
  const at_end = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(line);
  while (log.childElementCount > lines_max) log.firstElementChild.remove();
  if (at_end) log.scrollTop = log.scrollHeight;
}

const names = {websocket: "WebSocket", sse: "event stream", poll: "long-poll"};

/** Shows a client's state. */
export function show_state(pill, comet) {
  comet.addEventListener("state", ({detail: {state, transport, retry_in, why}}) => {
    const is_open = state === "open";
    pill.className = `pill ${is_open ? "good" : "warning"}`;
    pill.title = why ?? "";
    pill.textContent = is_open ? `live by ${names[transport]}` : state === "waiting"
      ? `again in ${Math.ceil((retry_in ?? 0) / 1000)} s` : state;
  });
}

/** What a gap means, for people. */
export function gap_text({reason}) {
  return {
    restarted: "The server has begun anew: its history is gone.",
    expired: "Earlier messages are not kept any more.",
  }[reason] ?? "Messages were lost.";
}
