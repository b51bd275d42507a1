// Small charts over the last minutes. Each says its latest values as text; the picture adds the past.
import { el, replace, svg } from "./dom.js";

const POINTS = 150;
const FEWEST = 30;  // points that fill the width: a new chart begins with so many
const WIDTH = 300;
const HEIGHT = 48;

// lines: [{ name, show }]. `show` writes a value, for the legend.
export function chart(title, lines, note = "") {
  const past = lines.map(() => []);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const values = lines.map(() => el("dd", {}, "–"));
  const legend = el("dl", { class: "legend" }, lines.map((line, index) =>
    el("div", { class: `c${index + 1}` }, el("dt", {}, line.name), values[index])));
  const view = el("section", { class: "chart" }, el("h3", {}, title), note ? el("p", { class: "quiet" }, note) : null, picture, legend);

  function push(latest) {
    latest.forEach((value, index) => {
      past[index].push(value);
      if (past[index].length > POINTS) past[index].shift();
      values[index].textContent = value === null ? "–" : lines[index].show(value);
    });
    draw();
  }

  function draw() {
    const most = Math.max(...past.flat().filter(value => value !== null), 0) || 1;
    const lines = past.map((points, index) => svg("path", { class: `line c${index + 1}`, d: pathOf(points, most) }));
    const areas = past.map((points, index) => svg("path", { class: `area c${index + 1}`, d: areaOf(points, most) }));
    replace(picture, areas, lines.reverse());
  }

  // Of a moment that nobody knows.
  function gap() {
    push(lines.map(() => null));
  }

  return { view, push, gap };
}

// Runs of points without a gap, as the picture's coordinates.
function runsOf(points, most) {
  const wide = Math.max(points.length, FEWEST) - 1;
  const runs = [[]];
  points.forEach((value, index) => {
    const x = WIDTH - (points.length - 1 - index) * WIDTH / wide;
    if (value === null) runs.push([]);
    else runs.at(-1).push([x.toFixed(1), (HEIGHT - 2 - value / most * (HEIGHT - 6)).toFixed(1)]);
  });
  return runs.filter(run => run.length);
}

function pathOf(points, most) {
  return runsOf(points, most).map(run => `M${run.map(each => each.join(" ")).join("L")}`).join("");
}

function areaOf(points, most) {
  return runsOf(points, most).map(run => `M${run[0][0]} ${HEIGHT}L${run.map(each => each.join(" ")).join("L")}L${run.at(-1)[0]} ${HEIGHT}Z`).join("");
}

// The states of a dependency over time, as a band of colours beside the state in a word.
export function band(name) {
  const past = [];
  const picture = svg("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
  const state = el("span", { class: "tag" }, "–");
  const message = el("p", { class: "error", hidden: true });
  const view = el("li", { class: "band" }, el("span", {}, name), state, picture, message);

  function push(status, why = "") {
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
