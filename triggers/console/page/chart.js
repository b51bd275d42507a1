// Small charts over the last minutes. Each says its latest values as text; the picture adds the past.
import { el, replace, svg } from "./dom.js";

export const POINTS = 150;
export const FEWEST = 30;  // points that fill the width: a new chart begins with so many
const WIDTH = 300;
const HEIGHT = 48;

// lines: [{ name, show }]. `show` writes a value, for the legend and the chart's largest value.
// `rare`: the chart is hidden until it has a value. `top`: the value at its top; else its largest one.
export function chart(title, lines, { rare = false, top = null } = {}) {
  const past = lines.map(() => []);
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const values = lines.map(() => el("dd", {}, "–"));
  const legend = el("dl", { class: "legend" }, lines.map((line, index) =>
    el("div", { class: `c${index + 1}` }, el("dt", {}, line.name), values[index])));
  const most = el("p", { class: "most" });
  const view = el("section", { class: "chart", hidden: rare }, el("div", { class: "head" }, el("h3", {}, title), most), picture, legend);

  function push(latest) {
    if (latest.some(value => value !== null)) view.hidden = false;
    latest.forEach((value, index) => {
      past[index].push(value);
      if (past[index].length > POINTS) past[index].shift();
      values[index].textContent = value === null ? "–" : lines[index].show(value);
    });
    draw();
  }

  function draw() {
    const largest = top ?? Math.max(...past.flat().filter(value => value !== null), 0);
    most.textContent = largest ? `up to ${lines[0].show(largest)}` : "";
    const strokes = past.map((points, index) => svg("path", { class: `line c${index + 1}`, d: pathOf(points, largest || 1) }));
    const dots = past.map((points, index) => svg("path", { class: `line dot c${index + 1}`, d: dotsOf(points, largest || 1) }));
    const filled = lines.length < 3 ? past.slice(0, 1) : [];  // one over another mixes their colours
    const areas = filled.map(points => svg("path", { class: "area", d: areaOf(points, largest || 1) }));
    replace(picture, areas, strokes.reverse(), dots.reverse());
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
  return runsOf(points, most).filter(run => run.length > 1).map(run => `M${run.map(each => each.join(" ")).join("L")}`).join("");
}

// A point between two gaps is a line to itself, whose ends are round.
function dotsOf(points, most) {
  return runsOf(points, most).filter(run => run.length === 1).map(([point]) => `M${point.join(" ")}L${point.join(" ")}`).join("");
}

function areaOf(points, most) {
  return runsOf(points, most).map(run => `M${run[0][0]} ${HEIGHT}L${run.map(each => each.join(" ")).join("L")}L${run.at(-1)[0]} ${HEIGHT}Z`).join("");
}
