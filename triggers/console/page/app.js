// Puts the page together once the model is known.
import { json } from "./api.js";
import { bodyPanel } from "./body.js";
import { at, el, replace, sleep } from "./dom.js";
import { drawPanel } from "./draw.js";
import { filesPanel } from "./files.js";
import { formPanel, rowRequest } from "./form.js";
import { showLive } from "./live.js";
import { queuePanel } from "./queue.js";
import { showTabs } from "./tabs.js";

const RETRY_MS = 1000;

async function loadModel() {
  let isLive = false;
  for (;;) {
    try {
      const about = await json("console/model");
      if (!isLive) showLive(about);  // it says how the app is while the model loads, too
      isLive = true;
      if (about.form) return about;
      showWait(about.model.status === "failed" ? about.model.message : "The model is loading …", about.model.status === "failed");
    } catch (refused) {
      showWait(refused.message, true);
    }
    await sleep(RETRY_MS);
  }
}

function showWait(message, isBad) {
  replace(at("panels"), el("p", { class: isBad ? "notice bad" : "notice", role: "status" }, message));
}

function tabsOf(about) {
  const { form } = about;
  const query = form.outputs?.includes("probabilities") ? "?output=probabilities" : "";
  if (form.kind === "body" || !form.columns.length) return bodyTabs(about);
  const { panel, shown } = formPanel(form, query);
  const tabs = [{ name: "form", title: "Form", panel, shown }];
  tabs.push({ name: "file", title: "File", panel: filesPanel(about, query) });
  if (about.triggers.includes("servicebus") && form.rows.length) tabs.push({ name: "queue", title: "Queue", panel: queuePanel(number => rowRequest(form, [form.rows[number % form.rows.length]], query)) });
  if (form.grid) tabs.unshift({ name: "draw", title: "Draw", panel: drawPanel(form, query) });
  return tabs;
}

function bodyTabs({ form, triggers }) {
  const { panel, request } = bodyPanel(form.example ?? (form.rows?.length ? { data: form.rows.slice(0, 1) } : null));
  const tabs = [{ name: "body", title: "Body", panel }];
  if (triggers.includes("servicebus")) tabs.push({ name: "queue", title: "Queue", panel: queuePanel(request, "The body on the tab Body, or the file that was sent there last, is enqueued so often.") });
  return tabs;
}

at("key-form").addEventListener("submit", event => event.preventDefault());
const about = await loadModel();
at("model-line").textContent = `${about.model.name}, version ${about.model.version}`;
showTabs(tabsOf(about));
