/**
 * The other end of packet tests: run as a program inside a namespace. `NAME TCP-PORTS UDP-PORTS` (lists with commas) answers every
 * connection and datagram with its name and the source it saw, says `ready`, and answers batches of questions: a line of JSON in
 * ({@link Batch}), a line out ({@link Told}). Ends with its standard input.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

export interface PartyQuestion {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
  /** Sends from this address of the namespace. */
  readonly from?: string | undefined;
  /** At least so often, one after another … */
  readonly times: number;
  /** … and until so many different answers have come, but not more often than `most`. */
  readonly different?: number;
  readonly most?: number;
  /** Asks as fast as it can for so long, whatever came. */
  readonly forMs?: number;
  readonly timeoutMs: number;
}

export interface Batch {
  readonly id: number;
  readonly questions: readonly PartyQuestion[];
}

/** For each question what came back: `NAME SOURCE`, or the code of a failure (`ECONNREFUSED`, `timeout`). */
export interface Told {
  readonly id: number;
  readonly answers: readonly (readonly string[])[];
}

const atOnce = 24;
const maxPauseMs = 4;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

function serveTcp(name: string, port: number, host: string): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`${name} ${socket.remoteAddress ?? ''}`);
  });
  return new Promise((resolve) => server.listen({ port, host, ipv6Only: true, backlog: 4096 }, resolve));
}

function serveUdp(name: string, port: number, type: 'udp4' | 'udp6'): Promise<void> {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' });
  socket.on('error', () => undefined);
  socket.on('message', (_message, { address, port: theirs }) => socket.send(`${name} ${address}`, theirs, address));
  return new Promise((resolve) => socket.bind(port, resolve));
}

function askTcp({ address, port, from }: PartyQuestion, resolve: (text: string) => void): () => void {
  const socket = connect({ host: address, port, localAddress: from });
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
  socket.on('data', (data) => resolve(data.toString()));
  return () => socket.destroy();
}

function askUdp({ address, port, from }: PartyQuestion, resolve: (text: string) => void): () => void {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
  socket.on('message', (data) => resolve(data.toString()));
  // Connected, so that a refusal comes back as an error.
  socket.bind({ port: 0, address: from }, () => socket.connect(port, address, () => socket.send('?')));
  return () => socket.close();
}

/** One question, once. */
async function askOnce(question: PartyQuestion): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve('timeout'), question.timeoutMs);
  const close = (question.protocol === 'tcp' ? askTcp : askUdp)(question, resolve);
  const answer = await promise;
  clearTimeout(timer);
  close();
  return answer;
}

async function ask(question: PartyQuestion): Promise<string[]> {
  const { times, different = 0, most = times, forMs = 0 } = question;
  const until = Date.now() + forMs;
  const answers: string[] = [];
  const isDone = (): boolean =>
    answers.length >= times && (new Set(answers).size >= different || answers.length >= most) && Date.now() >= until;
  while (!isDone()) {
    answers.push(await askOnce(question));
    // Two that ask one relay in step would each be led to the same server for ever, as that takes its servers in turn.
    if (answers.length < most && new Set(answers).size < different) await sleep(Math.random() * maxPauseMs);
  }
  return answers;
}

async function askAll({ id, questions }: Batch): Promise<void> {
  const answers: string[][] = [];
  const open = [...questions.entries()];
  const worker = async (): Promise<void> => {
    for (let next = open.shift(); next !== undefined; next = open.shift()) answers[next[0]] = await ask(next[1]);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  say(JSON.stringify({ id, answers } satisfies Told));
}

const [name = '', tcpPorts = '', udpPorts = ''] = process.argv.slice(2);
const numbers = (list: string): number[] => list.split(',').filter(Boolean).map(Number);
if (name !== '') {
  await Promise.all([
    ...numbers(tcpPorts).flatMap((port) => [serveTcp(name, port, '0.0.0.0'), serveTcp(name, port, '::')]),
    ...numbers(udpPorts).flatMap((port) => [serveUdp(name, port, 'udp4'), serveUdp(name, port, 'udp6')]),
  ]);
  say('ready');
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void askAll(JSON.parse(line) as Batch));
  lines.on('close', () => process.exit(0));
}
