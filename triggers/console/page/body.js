// A body as text or as a file, for scripts and for models whose columns are not known.
import { answerView } from "./answer.js";
import { el, field, suggest } from "./dom.js";
import { latestScorer } from "./latest.js";

const TYPES = ["application/json", "text/csv", "text/plain", "application/octet-stream"];
const BINARY = "application/octet-stream";

// `request()`: the request that the panel shows: its text, or the file that was sent after it.
export function bodyPanel(example) {
  const answer = answerView();
  const send = latestScorer(answer);
  const text = el("textarea", { rows: "10", spellcheck: "false" });
  const type = el("input", { type: "text", value: TYPES[0], autocomplete: "off", spellcheck: "false" });
  const picker = el("input", { type: "file", class: "sr", id: "body-file", change: () => picker.files[0] && take(picker.files[0]) });
  const drop = el("div", { class: "drop" }, el("label", { for: picker.id, class: "button plain" }, "Send a file"), picker,
    el("p", { class: "quiet" }, "or drop one here: an image, any bytes"));
  const sent = el("p", { class: "quiet", role: "status" });
  let file = null;  // the last that was sent, until the text is meant again
  text.value = JSON.stringify(example ?? { data: [] }, null, 2);

  function request() {
    return file ? { body: file, type: file.type || BINARY } : { body: text.value, type: type.value.trim() };
  }

  function forget() {
    file = null;
    sent.textContent = "";
  }

  function submit(event) {
    event.preventDefault();
    forget();
    send(request());
  }

  function take(chosen) {
    picker.value = "";
    file = chosen;
    sent.textContent = `${file.name} was sent: ${file.size.toLocaleString("en")} bytes of ${request().type}.`;
    send(request());
  }

  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, event => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
  }
  for (const each of [text, type]) each.addEventListener("input", forget);
  text.addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  const typeField = field("Content-Type", "", type);
  typeField.append(suggest(type, TYPES));
  const form = el("form", { class: "stack", "aria-label": "Body", submit },
    field("Body", "", text), typeField, el("div", { class: "actions" }, el("button", { type: "submit" }, "Send")), drop, sent);
  const intro = el("p", { class: "intro" }, "The body of the request; a script's run() gets it as it is. Ctrl+Enter sends it.");
  return { panel: el("div", { class: "split" }, el("div", {}, intro, form), answer.view), request };
}
