// A file through the blob trigger: upload it, follow its progress, fetch what came of it.
import { call, json, Refused } from "./api.js";
import { sleep } from "./dom.js";

const POLL_MS = 400;
const HEAD_BYTES = 128 * 1024;
const PICKED_UP_MS = 120000;

// Calls `progress` with a state of the job. Returns its result document. Raises Refused.
export async function runJob(file, { query, progress, signal }) {
  const path = `console/files?name=${encodeURIComponent(file.name)}${query.replace("?", "&")}`;
  progress({ status: "uploading" });
  const { id } = await json(path, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
  const stop = () => { call(`results/${id}`, { method: "DELETE" }).catch(() => {}); };
  signal.addEventListener("abort", stop);
  const until = performance.now() + PICKED_UP_MS;
  for (;;) {
    const state = await stateOf(id);
    if (state && state.status !== "running" && state.status !== "pending") return { id, document: state };
    if (!state && performance.now() > until) {
      throw new Refused(0, "no worker has picked the file up within 2 minutes; is the blob trigger running?");
    }
    progress(state ?? { status: "waiting" });
    await sleep(POLL_MS);
  }
}

// A blob that nobody has begun to score is not known yet.
async function stateOf(id) {
  try {
    return await json(`results/${id}`);
  } catch (refused) {
    if (refused.status === 404 || refused.status === 503) return null;
    throw refused;
  }
}

export async function reportOf(id) {
  return json(`console/files/${id}?part=report`);
}

// The first whole lines of a scored text file.
export async function headOf(id) {
  const response = await call(`console/files/${id}`, { headers: { Range: `bytes=0-${HEAD_BYTES - 1}` } });
  const text = await response.text();
  return response.status === 206 ? text.slice(0, text.lastIndexOf("\n") + 1) : text;
}

export async function download(id, name) {
  const content = await (await call(`console/files/${id}`)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
