// Elements made from data. Texts are always text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";
const SPEAK_MS = 5000;
const byId = new Map();

export function at(id) {
  return document.getElementById(id);
}

// el("p", { class: "quiet" }, "text", el("b", {}, "more")). A function is a listener: { click: … }.
export function el(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined));
  return element;
}

export function newId(stem) {
  byId.set(stem, (byId.get(stem) ?? 0) + 1);
  return `${stem}-${byId.get(stem)}`;
}

// A sentence at the control that is wrong; an empty one takes it away.
export function showError(control, sentence) {
  const place = control.parentElement.querySelector(".error");
  place.textContent = sentence;
  place.hidden = !sentence;
  if (sentence) control.setAttribute("aria-invalid", "true");
  else control.removeAttribute("aria-invalid");
}

// A label, a control and the place of its error.
export function field(label, hint, control) {
  control.id ||= newId("field");
  const error = el("p", { class: "error", id: `${control.id}-error`, hidden: true });
  control.setAttribute("aria-describedby", error.id);
  const name = el("label", { for: control.id }, label, hint && el("span", { class: "quiet" }, ` ${hint}`));
  return el("div", { class: "field" }, name, control, error);
}

// The values that a control suggests while one types. Any other text may be typed too.
export function suggest(control, values) {
  const list = el("datalist", { id: newId("values") }, values.map(value => el("option", { value })));
  control.setAttribute("list", list.id);
  return list;
}

// A status that only a screen reader has. It speaks at most every SPEAK_MS, unless it is to speak now.
export function spokenStatus() {
  const view = el("p", { class: "sr", role: "status" });
  let last = -Infinity;

  function say(sentence, { now = false } = {}) {
    if (!now && performance.now() < last + SPEAK_MS) return;
    last = performance.now();
    view.textContent = sentence;
  }

  return { view, say };
}

export function replace(parent, ...children) {
  parent.replaceChildren(...children.flat().filter(child => child !== null && child !== undefined));
}

export function sleep(ms) {
  return new Promise(done => setTimeout(done, ms));
}
