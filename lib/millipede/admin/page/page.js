// SPDX-License-Identifier: BSL-1.0
"use strict";
const shown = document.getElementById("stats");
const events = new EventSource("/events");
events.onmessage = (event) => {
  shown.textContent = JSON.stringify(JSON.parse(event.data), null, 2);
};
events.onerror = () => {
  shown.textContent = "disconnected\n" + shown.textContent;
};
