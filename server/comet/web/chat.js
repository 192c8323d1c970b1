// SPDX-License-Identifier: BSL-1.0
// A channel as a chat: what is published is {"from": name, "text": text, "at": milliseconds}, as
// who comes later wants to know when; any other text is shown as it is. The address may have name,
// channel and transport: then the room is entered at once.
import {Comet} from "./comet.js";
import {$, add_line, clock, gap_text, make, show_state} from "./view.js";

const lines_max = 500;
const names_max = 30; // of those who are here
const given = new URLSearchParams(location.search);
let comet = null;
let channel = "";
let own_name = "";

/** Who wrote what; anyone may have published anything. */
function parsed(content) {
  try {
    const {from, text, at} = JSON.parse(content);
    const when = new Date(typeof at === "number" ? at : NaN);
    if (typeof from === "string" && typeof text === "string") {
      return {from, text, when: isNaN(when) ? new Date() : when};
    }
  } catch {} // then it is no JSON, which may be
  return {from: "", text: content, when: new Date()};
}

function add_message({content}) {
  const {from, text, when} = parsed(content);
  const line = make("li", from && from === own_name ? "message own" : "message");
  const head = make("header");
  head.append(...(from ? [make("b", "from", from)] : []), clock(when));
  line.append(head, make("div", "text", text));
  add_line($("log"), line, lines_max);
}

const add_notice = (text) => add_line($("log"), make("li", "notice", text), lines_max);

function show_users() {
  const users = comet.users(channel).sort();
  const more = users.length > names_max ? ` and ${users.length - names_max} more` : "";
  $("here").hidden = !users.length;
  $("here").textContent = `Here: ${users.slice(0, names_max).join(", ")}${more}`;
}

function refusal_text(failure) {
  switch (failure.status) {
    case 0: return "Nobody knows whether it was sent: the connection was lost.";
    case 401: return "This channel needs a token.";
    case 403: case 404: return "This server takes no messages from browsers (--front-publish).";
    default: return `Not sent: ${failure.message}.`;
  }
}

async function send(event) {
  event.preventDefault();
  const text = $("text").value;
  if (!text.trim()) return;
  $("text").value = "";
  $("refusal").hidden = true;
  try {
    await comet.publish(channel, JSON.stringify({from: own_name, text, at: Date.now()}));
  } catch (failure) {
    if (!$("text").value) $("text").value = text;
    $("refusal").hidden = false;
    $("refusal").textContent = refusal_text(failure);
  }
}

function enter() {
  own_name = $("name").value.trim();
  channel = $("channel").value;
  $("enter").hidden = true;
  $("room").hidden = false;
  document.title = `${channel} · Chat`;
  $("title").textContent = channel;
  $("who").href = `presence?${new URLSearchParams({channel})}`;
  comet = new Comet(new URL(".", import.meta.url), {
    channel, seq: 1, user: own_name, presence: true, transport: $("transport").value,
    token: given.get("token") ?? ""});
  show_state($("link"), comet);
  comet.addEventListener("message", ({detail}) => add_message(detail));
  comet.addEventListener("gap", ({detail}) => add_notice(gap_text(detail)));
  comet.addEventListener("close", () => add_notice("The channel was closed."));
  comet.addEventListener("refused", ({detail: {status, retry_in}}) => add_notice(
    retry_in !== null ? "The channel is full: waiting for a place."
      : status === 401 ? "This channel needs a token." : `The server refuses (${status}).`));
  let asked = false; // for a frame: many come at once
  for (const name of ["open", "present", "join", "leave"]) {
    comet.addEventListener(name, () => {
      if (!asked) requestAnimationFrame(() => { asked = false; show_users(); });
      asked = true;
    });
  }
  $("text").focus();
}

$("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  enter();
});
$("write").addEventListener("submit", send);
for (const name of ["name", "channel", "transport"]) {
  if (given.get(name)) $(name).value = given.get(name);
}
if (given.get("name")?.trim() && given.get("channel")) enter();
