/** Requests to a Service, one connection each, for as long as a story goes on; what failed is counted by kind. */
import { execa, type ResultPromise } from 'execa';
import assert from 'node:assert/strict';
import { readdir, readlink } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Lab } from './lab.ts';

/** Each of `requesters` asks anew `pauseMs` after it asked last, or at once when the answer came later. Its end is the end of its input. */
const LOOP = `const net = require('net');
const [, host, port, requesters, pauseMs] = process.argv;
const seen = { requests: 0, failures: {}, answers: {}, slowestMs: 0 };
let over = false, asking = 0;
const began = Date.now();
const failed = (kind, at) => { const f = seen.failures[kind] ??= { count: 0, atMs: [] }; f.count++; if (f.atMs.length < 20) f.atMs.push(at - began); };
const ask = () => {
  if (over) return;
  const at = Date.now();
  let text = '', kind = 'no answer', connected = false, ended = false;
  asking++;
  const s = net.connect({ host, port: Number(port), noDelay: true });
  s.setTimeout(3000, () => { kind = connected ? 'answer timed out' : 'connect timed out'; s.destroy(); });
  s.on('connect', () => { connected = true; s.write('GET / HTTP/1.0\\r\\n\\r\\n'); });
  s.on('data', (part) => { text += part; });
  s.on('error', (error) => { kind = error.code + (connected ? ' after connect' : ' on connect'); });
  s.on('close', () => {
    if (ended) return;
    ended = true; asking--; seen.requests++;
    seen.slowestMs = Math.max(seen.slowestMs, Date.now() - at);
    if (!/^HTTP\\/1.[01] 200/.test(text)) failed(kind, at);
    else { const who = text.trim().split('\\n').at(-1); seen.answers[who] = (seen.answers[who] ?? 0) + 1; }
    setTimeout(ask, Math.max(0, at + Number(pauseMs) - Date.now()));
  });
};
for (let i = 0; i < Number(requesters); i++) setTimeout(ask, i);
const finish = () => { if (asking > 0) return setTimeout(finish, 5);
  console.log(JSON.stringify({ ...seen, seconds: (Date.now() - began) / 1000 })); process.exit(); };
process.stdin.on('end', () => { over = true; finish(); }).resume();
console.log('asking');`;

/** No story goes on for longer. */
const LONGEST_MS = 1_800_000;

interface Seen {
  readonly requests: number;
  readonly seconds: number;
  readonly slowestMs: number;
  /** By what went wrong; the moments count from the loop's start. */
  readonly failures: Readonly<Record<string, { readonly count: number; readonly atMs: readonly number[] }>>;
  /** Requests by the pod that answered. */
  readonly answers: Readonly<Record<string, number>>;
}

/** The pid, in the host's own numbering, of a process in the pod's network namespace. */
export async function hostPid(lab: Lab, pod: string): Promise<number> {
  const marker = (await lab.inPod(pod, ['readlink', '/proc/self/ns/net'])).stdout.trim();
  for (const pid of await readdir('/proc')) {
    if (/^\d+$/.test(pid) && (await readlink(`/proc/${pid}/ns/net`).catch(() => '')) === marker) return Number(pid);
  }
  return assert.fail(`no process in ${marker}`);
}

/** A script of Node's, in the network namespace of that process. */
export const inNamespaceOf = (pid: number, script: string, argument: string): ResultPromise =>
  execa('nsenter', ['-t', String(pid), '-n', process.execPath, '-e', script, argument], {
    reject: false,
    stdin: 'ignore',
    timeout: 60_000,
  });

/** One loop in each of the pods' network namespaces. */
export class RequestLoop {
  readonly #loops: readonly ResultPromise[];

  private constructor(loops: readonly ResultPromise[]) {
    this.#loops = loops;
  }

  /** Three requesters a pod, each a request every 8 ms where the machine has the time: a busy one still makes 200 a second. Resolves when all of them ask. */
  static async start(lab: Lab, from: readonly string[], host: string, port = 80): Promise<RequestLoop> {
    const pids = await Promise.all(from.map((pod) => hostPid(lab, pod)));
    const loops = pids.map((pid) =>
      execa('nsenter', ['-t', String(pid), '-n', process.execPath, '-e', LOOP, host, String(port), '3', '8'], {
        reject: false,
        stdin: 'pipe',
        timeout: LONGEST_MS,
      }),
    );
    const loop = new RequestLoop(loops);
    await Promise.all(
      loops.map(({ stdout }) => new Promise((resolve) => createInterface({ input: stdout }).once('line', resolve))),
    );
    return loop;
  }

  /** Ends the loops and answers what each of them saw. */
  async end(): Promise<readonly Seen[]> {
    for (const loop of this.#loops) loop.stdin?.end();
    const results = await Promise.all(this.#loops);
    return results.map(({ stdout, stderr }) => {
      const last = String(stdout).trim().split('\n').at(-1) ?? '';
      assert.ok(last.startsWith('{'), `the loop said\n${String(stdout)}\n${String(stderr)}`);
      return JSON.parse(last) as Seen;
    });
  }

  /** Ends the loops; fails unless every request was answered, 200 or more a second. */
  async endWithoutFailure(): Promise<number> {
    const seen = await this.end();
    const requests = seen.reduce((sum, { requests }) => sum + requests, 0);
    const perSecond = seen.reduce((sum, { requests, seconds }) => sum + requests / seconds, 0);
    assert.deepEqual(
      seen.map(({ failures }) => failures),
      seen.map(() => ({})),
      `of ${requests} requests some failed`,
    );
    assert.ok(perSecond >= 200, `only ${perSecond.toFixed(0)} requests a second`);
    return requests;
  }
}
