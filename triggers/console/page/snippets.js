// The same request as a command for a shell and as a few lines of Python.
import { address } from "./api.js";
import { at, el } from "./dom.js";

const LONG = 2000;

export function snippets({ body, type, query = "", headers = {}, path = "score" }) {
  const data = typeof body === "string" && body.length <= LONG ? body : null;
  const all = { "Content-Type": type, ...headers };
  if (at("key").value) all["x-functions-key"] = null;  // by name: a key is not shown
  const url = `${address}/${path}${query}`;
  const curl = [`curl ${quote(url)}`];
  for (const [name, value] of Object.entries(all)) {
    curl.push(value === null ? `-H "${name}: $TRISCORE_KEY"` : `-H ${quote(`${name}: ${value}`)}`);
  }
  curl.push(data === null ? "--data-binary @FILE" : `--data-binary ${quote(data)}`);
  return el("details", { class: "same" },
    el("summary", {}, "The same with curl and Python"),
    code("curl", curl.join(" \\\n  ")),
    code("Python", python(url, data, all)));
}

function python(url, data, headers) {
  const named = Object.entries(headers).map(([name, value]) => `    ${JSON.stringify(name)}: ${value === null ? 'os.environ["TRISCORE_KEY"]' : JSON.stringify(value)},`);
  const needsOs = Object.values(headers).includes(null);
  return [
    ...(needsOs ? ["import os"] : []), "import urllib.request", "",
    "request = urllib.request.Request(", `    ${JSON.stringify(url)},`,
    data === null ? '    data=open("FILE", "rb").read(),' : `    data=${JSON.stringify(data)}.encode(),`,
    "    headers={", ...named.map(line => `    ${line}`), "    },", '    method="POST",', ")",
    "with urllib.request.urlopen(request) as response:",
    '    print(response.headers["x-cache"], response.read().decode())',
  ].join("\n");
}

function code(title, text) {
  const copy = el("button", { type: "button", class: "plain copy", "aria-label": `Copy the ${title} snippet` }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
    setTimeout(() => { copy.textContent = "Copy"; }, 1500);
  });
  return el("div", { class: "code" }, el("div", { class: "head" }, el("p", { class: "title" }, title), copy),
    el("pre", { tabindex: "0", role: "region", "aria-label": `${title} snippet` }, text));
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
