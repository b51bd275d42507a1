// A file through the blob trigger: upload it, follow its progress, fetch what came of it.
import { call, isTemporary, json, Refused } from "./api.js";
import { sleep } from "./dom.js";

const POLL_MS = 400;
const HEAD_BYTES = 128 * 1024;
const REPORT_TRIES = 5;
const SILENCE_MS = 120000;

// Calls `progress` with each state of the job. Returns its result document. `signal` stops the job.
// Raises Refused, also after SILENCE_MS without a state.
export async function runJob(path, file, { progress, signal }) {
  progress({ status: "uploading" });
  const { id } = await json(path, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
  let last = null, heard = performance.now(), isStopped = false;
  for (;;) {
    if (signal.aborted && !isStopped) isStopped = await stop(id);
    const state = await stateOf(id);
    if (state && state.status !== "running" && state.status !== "pending") return { id, document: state };
    if (state) {
      last = state;
      heard = performance.now();
    } else if (performance.now() > heard + SILENCE_MS) {
      throw new Refused(0, last ? "the app has not said for 2 minutes how far the file is" : "no worker has picked the file up within 2 minutes; is the blob trigger running?");
    }
    progress(last ?? { status: "waiting" });
    await sleep(POLL_MS);
  }
}

// Whether the app has accepted that the job ends. It does so only once a worker has begun.
async function stop(id) {
  try {
    await call(`results/${id}`, { method: "DELETE" });
  } catch (refused) {
    if (refused.status === 404 || isTemporary(refused)) return false;
    if (refused.status !== 409) throw refused;  // 409: it has ended by itself
  }
  return true;
}

// Null where there is none now: a blob is not known before a worker begins.
async function stateOf(id) {
  try {
    return await json(`results/${id}`);
  } catch (refused) {
    if (refused.status === 404 || isTemporary(refused)) return null;
    throw refused;
  }
}

// Asked again after a failure that may pass: the file has been scored already.
export async function reportOf(id) {
  for (let tries = 1; ; tries++) {
    try {
      return await json(`console/files/${id}?part=report`);
    } catch (refused) {
      if (!isTemporary(refused) || tries === REPORT_TRIES) throw refused;
      await sleep(POLL_MS * tries);
    }
  }
}

// The first whole lines of a scored text file.
export async function headOf(id) {
  const response = await call(`console/files/${id}`, { headers: { Range: `bytes=0-${HEAD_BYTES - 1}` } });
  const text = await response.text();
  return response.status === 206 ? text.slice(0, text.lastIndexOf("\n") + 1) : text;
}

// The app keeps no more than one part of a file in memory.
async function contentOf(id, progress) {
  const parts = [];
  let size = Infinity, version = null;
  for (let start = 0; start < size;) {
    const response = await call(`console/files/${id}`, { headers: { Range: `bytes=${start}-` } });
    version ??= response.headers.get("ETag");
    if (response.headers.get("ETag") !== version) throw new Refused(0, "the scored file was replaced while it was downloaded; try again");
    const part = await response.blob();
    parts.push(part);
    start += part.size;
    size = Number(/\/(\d+)$/.exec(response.headers.get("Content-Range"))[1]);
    progress(start / size);
  }
  return new Blob(parts);
}

// Calls `progress` with the share that has come.
export async function download(id, name, progress) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await contentOf(id, progress));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
