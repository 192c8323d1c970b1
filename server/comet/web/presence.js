// SPDX-License-Identifier: BSL-1.0
// Who is on a channel. The address may have it: then it is watched at once.
import {Comet} from "./comet.js";
import {$, add_line, clock, gap_text, make, show_state} from "./view.js";

const lines_max = 200;
const shown_max = 1000;
let comet = null;
let channel = "";
let asked = false; // for a frame: many come at once

function show_users() {
  asked = false;
  const users = comet.users(channel).sort();
  $("count").textContent = `${users.length} on ${channel}`;
  $("users").replaceChildren(...users.slice(0, shown_max).map((user) => make("li", "", user)));
  $("nobody").hidden = users.length > 0;
}

function show_soon() {
  if (!asked) requestAnimationFrame(show_users);
  asked = true;
}

function add_event(text) {
  const line = make("li", "", text);
  line.prepend(clock(), " ");
  add_line($("events"), line, lines_max);
}

function watch() {
  comet?.close();
  channel = $("channel").value;
  document.title = `${channel} · Presence`;
  $("talk").href = `chat?${new URLSearchParams({channel})}`;
  $("watched").hidden = false;
  $("events").replaceChildren();
  // Polls are told of nobody.
  comet = new Comet(new URL(".", import.meta.url), {
    channel, presence: true, transport: ["websocket", "sse"],
    token: new URLSearchParams(location.search).get("token") ?? ""});
  show_state($("link"), comet);
  for (const name of ["open", "present", "join", "leave"]) comet.addEventListener(name, show_soon);
  comet.addEventListener("join", ({detail}) => add_event(`${detail.user} came`));
  comet.addEventListener("leave", ({detail}) => add_event(`${detail.user} left`));
  comet.addEventListener("gap", ({detail}) => add_event(gap_text(detail)));
  comet.addEventListener("close", () => add_event("The channel was closed."));
  comet.addEventListener("refused",
                         ({detail}) => add_event(`The server refuses (${detail.status}).`));
  show_users();
}

$("choose").addEventListener("submit", (event) => {
  event.preventDefault();
  watch();
});
const given = new URLSearchParams(location.search).get("channel");
if (given) {
  $("channel").value = given;
  watch();
}
