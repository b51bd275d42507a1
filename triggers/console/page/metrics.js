// Prometheus' text format, and what the counters of two moments say about the time between them.

// [{ name, labels, value }]
export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const found = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!found) continue;
    const labels = Object.fromEntries([...(found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]));
    samples.push({ name: found[1], labels, value: Number(found[3]) });
  }
  return samples;
}

// The increase of each counter since the last scrape of the same process: a scrape meets any of the
// processes behind one address. Returns null for the first one of a process.
export class Increases {
  #last = new Map();

  since(samples, now) {
    const process = samples[0]?.labels.process;
    const values = new Map(samples.map(({ name, labels, value }) => [key(name, labels), { name, labels, value }]));
    const before = this.#last.get(process);
    this.#last.set(process, { now, values });
    if (!before) return null;
    const grown = [];
    for (const [id, sample] of values) {
      grown.push({ ...sample, value: sample.value - (before.values.get(id)?.value ?? 0) });
    }
    return { grown, seconds: (now - before.now) / 1000 };
  }
}

function key(name, labels) {
  return name + JSON.stringify(labels);
}

export function sum(samples, name, labels = {}) {
  return samples
    .filter(sample => sample.name === name && Object.entries(labels).every(([each, value]) => sample.labels[each] === value))
    .reduce((total, sample) => total + sample.value, 0);
}

// The value below which a share of the observations lies, from the buckets of a histogram. Null
// without observations.
export function quantile(samples, name, share) {
  const buckets = samples.filter(sample => sample.name === `${name}_bucket`)
    .map(({ labels, value }) => ({ end: labels.le === "+Inf" ? Infinity : Number(labels.le), value }))
    .sort((one, other) => one.end - other.end);
  const total = buckets.at(-1)?.value ?? 0;
  if (!total) return null;
  const at = buckets.findIndex(bucket => bucket.value >= share * total);
  const begin = at ? buckets[at - 1].end : 0;
  if (buckets[at].end === Infinity) return begin;
  const below = at ? buckets[at - 1].value : 0;
  return begin + (buckets[at].end - begin) * (share * total - below) / (buckets[at].value - below);
}
