// A body as text, for scripts and for models whose columns are not known.
import { answerView } from "./answer.js";
import { el, field } from "./dom.js";
import { latestScorer } from "./latest.js";

const TYPES = ["application/json", "text/csv", "text/plain", "application/octet-stream"];

export function bodyPanel(example, query = "") {
  const answer = answerView();
  const send = latestScorer(answer);
  const text = el("textarea", { rows: "12", spellcheck: "false" });
  const type = el("select", {}, TYPES.map(each => el("option", {}, each)));
  text.value = JSON.stringify(example ?? { data: [] }, null, 2);
  const form = el("form", {
    class: "stack", "aria-label": "Body", submit(event) {
      event.preventDefault();
      send({ body: text.value, type: type.value, query });
    },
  }, field("Body", "", text), field("Content-Type", "", type), el("div", { class: "actions" }, el("button", { type: "submit" }, "Send")));
  text.addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  const intro = el("p", { class: "intro" }, "What the script's run() gets. Ctrl+Enter sends it.");
  return el("div", { class: "split" }, el("div", {}, intro, form), answer.view);
}
