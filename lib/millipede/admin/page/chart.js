// SPDX-License-Identifier: BSL-1.0
// Lines over time, as SVG: read by mouse, finger or arrow keys.
import {duration, missing} from "./format.js";
import {span_max} from "./history.js";

const svg_name = "http://www.w3.org/2000/svg";
const classes = ["one", "two", "three"];
const spans = [60, 120, 300, span_max]; // seconds: a chart of a few seconds does not look empty
const bottom = 16; // pixels below the plot, for the time
const top_room = 12;

/** A new element with attributes, in its place. */
export function make(name, attributes = {}, parent = null, text = null) {
  const element = parent?.namespaceURI === svg_name || name === "svg"
    ? document.createElementNS(svg_name, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  parent?.append(element);
  return element;
}

/** Sets a text only if it is another one: nothing is laid out, or read out, for nothing. */
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The step of a scale with about three lines: 1, 2, 2.5 or 5 times a power of ten; for bytes, of
 *  the unit that they are told in. */
export function scale_step(largest, {binary = false, whole = false} = {}) {
  const unit = binary && largest >= 1 ? 1024 ** Math.floor(Math.log(largest) / Math.log(1024)) : 1;
  const wanted = largest / unit / 3 || 1 / 3;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = unit * power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= wanted) ?? 10);
  return whole ? Math.max(1, Math.ceil(step)) : step;
}

export class line_chart {
  #title; #series; #format; #options;
  #legend; #plot; #svg; #tip;
  #samples = [];
  #now = 0;
  #chosen = null; // the sample that is pointed at

  /** series: up to three of {key, name}; format: a value to text. */
  constructor(parent, {title, series, format, wide = false, ...options}) {
    this.#title = title;
    this.#format = format;
    this.#options = options; // of scale_step, and the least that the scale goes up to: `least`
    const card = make("section", {class: wide ? "card wide" : "card", "aria-label": title}, parent);
    make("h2", {}, card, title);
    this.#legend = make("ul", {class: "legend"}, card);
    this.#series = series.map((one, number) => this.#entry(one, classes[number]));
    this.#plot = make("div", {class: "plot", tabindex: 0, role: "group",
      "aria-roledescription": "chart", "aria-description": "arrow keys tell earlier values"}, card);
    this.#svg = make("svg", {"aria-hidden": "true"}, this.#plot);
    this.#tip = make("div", {class: "tip", role: "status", hidden: ""}, this.#plot);
    this.#plot.addEventListener("pointermove", (event) => this.#point(event));
    this.#plot.addEventListener("pointerdown", (event) => this.#point(event));
    this.#plot.addEventListener("pointerleave", () => this.#choose(null));
    this.#plot.addEventListener("blur", () => this.#choose(null));
    this.#plot.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#paint()).observe(this.#plot);
  }

  /** Shows what is known up to `now`, in seconds of the server's uptime. */
  draw(samples, now, notes = {}) {
    this.#samples = samples;
    this.#now = now;
    const values = samples.at(-1)?.values ?? {};
    for (const one of this.#series) {
      one.entry.hidden = !samples.some(({values: known}) => known[one.key] !== null);
      put(one.value, this.#format(values[one.key]));
      put(one.of, notes[one.key] ?? "");
    }
    this.#plot.setAttribute("aria-label", `${this.#title}: ` + this.#shown()
      .map((one) => `${one.name} ${this.#format(values[one.key])}`).join(", "));
    if (!samples.includes(this.#chosen)) this.#chosen = null;
    this.#paint();
  }

  #entry({key, name}, of_class) {
    const entry = make("li", {class: of_class}, this.#legend);
    make("span", {class: "name"}, entry, name);
    const value = make("span", {class: "value"}, entry, missing);
    return {key, name, of_class, entry, value, of: make("span", {class: "of"}, entry)};
  }

  #shown() {
    return this.#series.filter((one) => !one.entry.hidden);
  }

  #span() {
    const age = this.#now - (this.#samples[0]?.at ?? this.#now);
    return spans.find((span) => span >= age) ?? span_max;
  }

  #paint() {
    const width = this.#plot.clientWidth;
    const height = this.#plot.clientHeight - bottom;
    if (width <= 0 || height <= 0) return;
    const span = this.#span();
    const largest = Math.max(this.#options.least ?? 0, ...this.#samples.flatMap(({values}) =>
      this.#shown().map((one) => values[one.key] ?? 0)));
    const step = scale_step(largest, this.#options);
    const ceiling = Math.max(1, Math.ceil(largest / step - 1e-9)) * step;
    const place = {
      x: (at) => width * (1 - (this.#now - at) / span),
      y: (value) => top_room + (height - top_room) * (1 - Math.max(0, value) / ceiling),
      width, height, span, step, ceiling,
    };
    const group = make("g", {}, this.#svg);
    this.#grid(group, place);
    for (const one of this.#shown().reverse()) this.#line(group, one, place);
    this.#labels(group, place);
    this.#cross(group, place);
    this.#svg.replaceChildren(group);
    this.#tell(place);
  }

  #grid(group, {y, width, step, ceiling}) {
    for (let value = 0; value <= ceiling * 1.001; value += step) {
      const height = Math.round(y(value)) + 0.5;
      make("line", {class: "grid", x1: 0, x2: width, y1: height, y2: height}, group);
    }
  }

  #labels(group, {y, width, height, span, step, ceiling}) {
    for (let value = step; value <= ceiling * 1.001; value += step) {
      make("text", {x: 0, y: y(value) - 3}, group, this.#format(value));
    }
    const minutes = span / 60;
    const below = (x, anchor, text) =>
      make("text", {x, y: height + 13, "text-anchor": anchor}, group, text);
    below(0, "start", `${minutes} min ago`);
    below(width / 2, "middle", minutes > 1 ? `${minutes / 2} min` : "30 s");
    below(width, "end", "now");
  }

  #line(group, {key, of_class}, {x, y}) {
    const runs = []; // of points without a gap
    let open = false;
    for (const {at, gap, values} of this.#samples) {
      const value = values[key];
      if (value !== null && (!open || gap)) runs.push([]);
      open = value !== null;
      if (open) runs.at(-1).push([x(at).toFixed(1), y(value).toFixed(1)]);
    }
    const zero = y(0).toFixed(1);
    for (const run of runs) {
      const path = "M" + run.map((point) => point.join(",")).join("L");
      if (of_class === "one") {
        make("path", {class: "area", d: `${path}V${zero}H${run[0][0]}Z`}, group);
      }
      // A single point is a dot: a line of no length with round ends.
      make("path", {class: `line ${of_class}`, d: run.length > 1 ? path : `${path}h.01`}, group);
    }
  }

  #cross(group, {x, height}) {
    if (!this.#chosen) return;
    const at = x(this.#chosen.at);
    make("line", {class: "cross", x1: at, x2: at, y1: 0, y2: height}, group);
  }

  #tell({x, width}) {
    this.#tip.hidden = !this.#chosen;
    if (!this.#chosen) return;
    const {at, time, values} = this.#chosen;
    const clock = time === null ? "" : `${new Date(time * 1000).toLocaleTimeString()}, `;
    const lines = [[null, `${clock}${duration(this.#now - at)} ago`],
      ...this.#shown().map((one) =>
        [one.of_class, `${one.name}: ${this.#format(values[one.key])}`])];
    this.#tip.replaceChildren(...lines.map(([of_class, text]) =>
      make("div", of_class ? {class: of_class} : {}, null, text)));
    const room = width - this.#tip.offsetWidth;
    const beside = x(at) > width / 2 ? x(at) - this.#tip.offsetWidth - 8 : x(at) + 8;
    this.#tip.style.left = `${Math.max(0, Math.min(room, beside))}px`;
  }

  #choose(sample, keyboard = false) {
    this.#tip.setAttribute("aria-live", keyboard ? "polite" : "off");
    this.#chosen = sample ?? null;
    this.#paint();
  }

  #point(event) {
    const box = this.#plot.getBoundingClientRect();
    const at = this.#now - (1 - (event.clientX - box.left) / box.width) * this.#span();
    let nearest = null;
    for (const sample of this.#samples) {
      if (!nearest || Math.abs(sample.at - at) < Math.abs(nearest.at - at)) nearest = sample;
    }
    this.#choose(nearest);
  }

  #key(event) {
    const steps = {ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30,
      Home: -Infinity, End: Infinity}[event.key];
    if (event.key === "Escape") this.#choose(null);
    if (steps === undefined || !this.#samples.length) return;
    event.preventDefault();
    const last = this.#samples.length - 1;
    const from = this.#chosen ? this.#samples.indexOf(this.#chosen) : last + 1;
    this.#choose(this.#samples[Math.min(last, Math.max(0, from + steps))], true);
  }
}
