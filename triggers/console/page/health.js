// The health of the app's dependencies: now, over the last minutes, and when it changed.
import { FEWEST, POINTS } from "./chart.js";
import { at, el, replace, svg } from "./dom.js";

const NAMES = { model: "Model", cache: "Cache", breaker: "Redis breaker", storage: "Storage", servicebus: "Service Bus" };
// The breaker is a part of the cache: the page's head has the cache.
const IN_HEAD = ["model", "cache", "storage", "servicebus"];
const MOST_CHANGES = 5;

export function healthView(names) {
  const changes = el("ol", { class: "changes", "aria-label": "Changes of health", hidden: true });
  const bands = new Map(names.map(name => [name, band(NAMES[name])]));
  const said = new Map();
  const view = el("div", {}, el("ul", { class: "bands", "aria-label": "Health over time" }, [...bands.values()].map(each => each.view)), changes);

  function push(name, status, why = "") {
    if (!bands.has(name)) return;
    bands.get(name).push(status, why);
    showChange("The app", "answers");
    showChange(NAMES[name], status);
    showHead();
  }

  // The first status of anything is no change.
  function showChange(what, status) {
    const before = said.get(what);
    said.set(what, status);
    if (before === undefined || before === status) return;
    const time = new Date().toLocaleTimeString("en-GB");
    changes.hidden = false;
    changes.prepend(el("li", {}, el("time", {}, time), ` ${what}: ${before} → `, el("b", {}, status)));
    while (changes.children.length > MOST_CHANGES) changes.lastChild.remove();
  }

  function showHead() {
    const known = IN_HEAD.filter(name => bands.get(name)?.latest());
    replace(at("states"), known.map(name => {
      const status = bands.get(name).latest();
      return el("li", {}, `${NAMES[name]} `, el("span", { class: `tag ${status}` }, status));
    }));
  }

  // Of an app that does not answer.
  function loseAll() {
    for (const each of bands.values()) {
      if (each.latest()) each.push("unknown", "");
    }
    showChange("The app", "does not answer");
    showHead();
  }

  return { view, push, loseAll };
}

// The states of a dependency over time, as a band of colours beside the state in a word.
function band(name) {
  const past = [];
  const picture = svg("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
  const state = el("span", { class: "tag" }, "–");
  const message = el("p", { class: "error", hidden: true });
  const view = el("li", { class: "band", hidden: true }, el("span", {}, name), state, picture, message);

  function push(status, why) {
    view.hidden = false;
    past.push(status);
    if (past.length > POINTS) past.shift();
    state.textContent = status;
    state.className = `tag ${status}`;
    message.textContent = why;
    message.hidden = !why || status === "ok";
    const wide = Math.max(past.length, FEWEST);
    picture.setAttribute("viewBox", `0 0 ${wide} 1`);
    replace(picture, past.map((each, index) => svg("rect", { class: each, x: wide - past.length + index, y: 0, width: 1.05, height: 1 })));
  }

  return { view, push, latest: () => past.at(-1) };
}
