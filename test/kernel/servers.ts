/** Servers and clients inside the namespaces of a kernel test. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { serverPorts } from '../cases/service-packets.ts';
import type { Place } from './node-lab.ts';

const party = new URL('./packet-party.ts', import.meta.url).pathname;

export interface Server {
  end(): Promise<void>;
}

/** Answers TCP and UDP on the ports of the cases with its name and the source it saw; ends with this process at the latest. */
export async function serveIn(place: Place, netns: string | undefined, name: string): Promise<Server> {
  const { tcp, udp } = serverPorts;
  const argv = place.argv(netns, [process.execPath, party, 'serve', name, String(tcp), String(udp)]);
  const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return {
    end: async () => {
      const gone = once(child, 'exit');
      child.stdin.end();
      await gone;
    },
  };
}

/** What came back of `times` questions: `NAME SOURCE`, or the code of a failure (`ECONNREFUSED`, `timeout`). */
export async function askFrom(
  place: Place,
  netns: string | undefined,
  protocol: 'tcp' | 'udp',
  address: string,
  port: number,
  times = 1,
): Promise<string[]> {
  const argv = place.argv(netns, [process.execPath, party, 'ask', protocol, address, String(port), String(times)]);
  const { stdout } = await promisify(execFile)('nsenter', argv, { timeout: 60_000 });
  return stdout.trim().split('\n');
}
