/** Servers and clients inside the namespaces of a kernel test. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { serverPorts } from '../cases/world.ts';
import type { Place } from './node-lab.ts';
import type { Batch, PartyQuestion, Told } from './packet-party.ts';

const program = new URL('./packet-party.ts', import.meta.url).pathname;

export interface PartyPorts {
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
}

const usualPorts: PartyPorts = { tcp: [serverPorts.tcp, serverPorts.otherTcp], udp: [serverPorts.udp] };

/** A process in a namespace that answers, and asks. */
export class Server {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, (told: Told) => void>();
  #next = 0;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
  }

  /** Answers TCP and UDP in both families with its name and the source it saw; ends with this process at the latest. */
  static async start(place: Place, netns: string | undefined, name: string, ports = usualPorts): Promise<Server> {
    const argv = [process.execPath, program, name, ports.tcp.join(), ports.udp.join()];
    const child = spawn('nsenter', place.argv(netns, argv), { stdio: ['pipe', 'pipe', 'inherit'] });
    const server = new Server(child);
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');
    lines.on('line', (line) => {
      const told = JSON.parse(line) as Told;
      server.#waiting.get(told.id)?.(told);
      server.#waiting.delete(told.id);
    });
    return server;
  }

  /** For each question what came back, in order. Questions are asked side by side. */
  async ask(questions: readonly PartyQuestion[]): Promise<readonly (readonly string[])[]> {
    const id = this.#next++;
    const told = new Promise<Told>((resolve) => this.#waiting.set(id, resolve));
    this.#child.stdin.write(`${JSON.stringify({ id, questions } satisfies Batch)}\n`);
    return (await told).answers;
  }

  async end(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.stdin.end();
    await gone;
  }
}

/** See {@link Server.start}. */
export function serveIn(place: Place, netns: string | undefined, name: string): Promise<Server> {
  return Server.start(place, netns, name);
}

/** What came back of `times` questions: `NAME SOURCE`, or the code of a failure (`ECONNREFUSED`, `timeout`). */
export async function askFrom(
  place: Place,
  netns: string | undefined,
  protocol: 'tcp' | 'udp',
  address: string,
  port: number,
  times = 1,
): Promise<readonly string[]> {
  const client = await Server.start(place, netns, 'client', { tcp: [], udp: [] });
  const [answers = []] = await client.ask([{ protocol, address, port, times, timeoutMs: 1500 }]);
  await client.end();
  return answers;
}
