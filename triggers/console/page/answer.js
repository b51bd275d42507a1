// The answer to one row: prediction, probabilities, how it was made, and the same in a terminal.
import { el, replace } from "./dom.js";
import { snippets } from "./snippets.js";

const CACHES = {
  hit: "found in a cache",
  miss: "computed by the model",
  joined: "computed for an equal request",
  bypass: "computed; no lookup",
};
const MOST_BARS = 30;
const MOST_LABEL = 80;

export function answerView() {
  const headline = el("p", { class: "headline" }, "–");
  const spoken = el("p", { class: "sr", role: "status" });
  const error = el("p", { class: "notice bad", role: "alert", hidden: true });
  const bars = el("div");
  const facts = el("div");
  const same = el("div");
  const wait = el("p", { class: "quiet", role: "status" }, "The answer appears here.");
  const earlier = el("p", { class: "quiet", hidden: true }, "An earlier answer:");
  const body = el("div", { hidden: true }, earlier, el("div", { class: "head" }, headline), bars, facts, same);
  const view = el("div", { class: "answer" }, el("h2", {}, "Answer"), error, wait, body, spoken);

  function show(answer) {
    error.hidden = true;
    wait.hidden = true;
    body.hidden = false;
    setStale(false);
    const { label, rows, text } = readAnswer(answer.value, answer.text);
    replace(headline, label);
    headline.hidden = !label;
    headline.classList.toggle("long", label.length > 14);
    replace(bars, rows ? barTable(rows) : null, text ? el("pre", { class: "body", tabindex: "0", role: "region", "aria-label": "Body of the answer" }, text) : null);
    replace(facts, factList(answer));
    replace(same, snippets(answer.request));
    const share = rows ? `, ${percent(Math.max(...rows.map(([, value]) => value)))}` : "";
    spoken.textContent = label ? `Prediction ${label}${share}` : `The answer: ${text.slice(0, MOST_LABEL)}`;
  }

  function fail(refused) {
    const why = sentence(refused.message);
    if (error.hidden || error.textContent !== why) error.textContent = why;  // it is spoken once
    error.hidden = false;
    wait.hidden = true;
    setStale(true);
  }

  // Of an input that no answer came for yet, though some time has passed.
  function waits() {
    error.hidden = true;
    wait.textContent = "Waiting for the answer …";
    wait.hidden = false;
    setStale(true);
  }

  // An answer that stays in view is not one to what the input holds now.
  function setStale(isStale) {
    view.classList.toggle("stale", isStale);
    earlier.hidden = !isStale;
  }

  return { view, show, fail, waits, outdate: () => setStale(true) };
}

// The label, the probabilities by class where there are some, and a text where neither fits.
function readAnswer(value, text) {
  if (value?.predictions && value.probabilities) {
    const [shares] = value.probabilities;
    const rows = value.classes.map((each, index) => [String(each), shares[index]]);
    return { label: String(value.predictions[0]), rows: rows.length <= MOST_BARS ? rows : top(rows) };
  }
  const only = Array.isArray(value) && value.length === 1 ? value[0] : value ?? text;
  if (typeof only !== "object") return labelOf(only);
  if (Array.isArray(value) && value.length === 1 && Array.isArray(value[0])) {
    return { label: `${value[0].length} outputs`, text: value[0].map(each => JSON.stringify(each)).join("\n") };
  }
  return { label: "", text: JSON.stringify(value, null, 2) };
}

function labelOf(value) {
  if (typeof value === "number") return { label: number(value) };
  const text = String(value);
  return text.length > MOST_LABEL || text.includes("\n") ? { label: "", text } : { label: text || "(empty)" };
}

function top(rows) {
  return [...rows].sort((one, other) => other[1] - one[1]).slice(0, MOST_BARS);
}

function barTable(rows) {
  const best = Math.max(...rows.map(([, value]) => value));
  const lines = rows.map(([name, value]) => {
    const bar = el("i");
    bar.style.width = `${value * 100}%`;
    return el("tr", { class: value === best ? "best" : null },
      el("th", { scope: "row" }, name),
      el("td", { class: "bar", "aria-hidden": "true" }, el("span", {}, bar)),
      el("td", { class: "number" }, percent(value)));
  });
  const head = el("thead", { class: "sr" }, el("tr", {}, el("th", { scope: "col" }, "Class"), el("td"), el("th", { scope: "col" }, "Probability")));
  return el("table", { class: "bars" }, el("caption", { class: "sr" }, "Probability of each class"), head, el("tbody", {}, lines));
}

// trigger, cache and age, milliseconds, model version: of an answer or a result document. Parts of a
// file come from different caches: it has no `cache`.
export function factList({ trigger, cache, age, ms, trip, version }) {
  const how = age ? `${CACHES[cache]} ${age} s ago`.replace("found in a cache", "computed") : CACHES[cache];
  return el("dl", { class: "facts" },
    fact("Trigger", trigger),
    cache === undefined ? null : fact("Cache", el("span", { class: `tag ${cache}` }, cache ?? "–"), how),
    fact("Time", ms ? time(Number(ms)) : "–", trip ? `${time(trip)} in the browser` : null),
    fact("Model version", el("code", {}, version ?? "–")));
}

function time(ms) {
  return ms < 1000 ? `${ms.toFixed(ms < 1 ? 2 : ms < 100 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function fact(name, value, note) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value, note ? el("span", { class: "quiet" }, note) : null));
}

export function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

export function number(value) {
  return Number.isInteger(value) ? String(value) : value.toPrecision(6).replace(/\.?0+$/, "");
}

export function sentence(message) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
