/** Strangers at every port of a lab: each is refused or cut off, memory stays bounded, and others are served meanwhile. */
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { connect as connectPlain, type Socket } from 'node:net';
import { before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTLS } from 'node:tls';
import { imageDoorSocket } from '../../src/lab/image-door.ts';
import { labPlaces, machinePlaces } from '../../src/lab/index.ts';
import { run, type Lab } from '../lab.ts';
import { find, type Kind } from '../victims.ts';

interface Port {
  readonly host: string;
  readonly port: number;
}

const maxGrowthKiB = 150 * 1024;
/** Longer than the servers give a client for its header. */
const cutOffMs = 90_000;

const upgrade = (path: string, protocol: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;

/** What is sent, and what the first line of an answer may be; no answer and an end is as good. */
const requests: readonly (readonly [string, string])[] = [
  ['no HTTP at all', '\0\x01\x02garbage\r\n\r\n'],
  ['HTTP/2 without being asked', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a header of 200 KB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(200_000)}\r\n\r\n`],
  ['10,000 headers', `GET / HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(10_000)}\r\n`],
  ['a URL of 200 KB', `GET /${'a'.repeat(200_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['two lengths', 'POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  [
    'a length and chunks',
    'POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a path upwards', 'GET /containerLogs/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a broken escape', 'GET /api/v1/%zz HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['SPDY without a certificate', upgrade('/exec/default/client/main?command=sh&output=1', 'SPDY/3.1')],
  [
    'exec without a certificate',
    upgrade('/api/v1/namespaces/default/pods/client/exec?command=sh&stdout=1', 'websocket'),
  ],
  ['an unknown protocol', upgrade('/', 'nonsense')],
];

function openTLS({ host, port }: Port): Socket {
  return connectTLS({ host, port, rejectUnauthorized: false }).on('error', () => undefined);
}

/** Half of them do not even begin with TLS; of the others each stops in the middle of its header. */
function beginOnly(target: Port, index: number): Socket {
  const isTLS = index % 2 === 1;
  const socket = isTLS ? openTLS(target) : connectPlain(target).on('error', () => undefined);
  if (isTLS) socket.write('GET /api HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  return socket.resume();
}

/** All that comes back until the other side ends it. */
async function answerTo(target: Port, bytes: string): Promise<string> {
  const socket = openTLS(target);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text = (text + chunk.toString('latin1')).slice(0, 4096)));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const answered = new Promise((resolve) => socket.once('data', resolve));
  socket.write(Buffer.from(bytes, 'latin1'));
  await Promise.race([closed, answered, sleep(cutOffMs, undefined, { ref: false })]);
  await Promise.race([closed, sleep(50)]);
  const isOpen = !socket.destroyed;
  socket.destroy();
  return text === '' && isOpen ? 'still open' : text;
}

export function hostilePortStories(lab: Lab, node = 'node1'): void {
  describe('strangers at the ports', () => {
    const ports = new Map<string, Port & { machine: string; kind: Kind }>();
    const residentKiB = async ({ machine, kind }: { machine: string; kind: Kind }): Promise<number> => {
      const { pid } = await find(lab.name, machine, kind);
      return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);
    };

    before(async () => {
      const { clusters } = JSON.parse((await lab.kubectl(['config', 'view', '-o', 'json'])).stdout) as {
        clusters: { cluster: { server: string } }[];
      };
      const { hostname, port } = new URL(clusters[0]?.cluster.server ?? '');
      ports.set('API server', { host: hostname, port: Number(port), machine: 'control-plane', kind: 'control plane' });
      const addresses = (await lab.nodes()).find(({ metadata }) => metadata.name === node)?.status?.addresses;
      const host = addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
      ports.set('kubelet', { host, port: 10250, machine: node, kind: 'agent' });
    });

    for (const name of ['API server', 'kubelet'])
      test(`${name}: nonsense is refused or cut off`, async () => {
        const target = ports.get(name) ?? assert.fail();
        const { pid } = await find(lab.name, target.machine, target.kind);
        for (const [what, bytes] of requests) {
          const answer = await answerTo(target, bytes);
          assert.match(answer, /^(HTTP\/1\.1 4\d\d |$)/, `${what}: ${answer.slice(0, 200)}`);
        }
        assert.equal((await find(lab.name, target.machine, target.kind)).pid, pid);
      });

    test('600 clients that begin and never go on are cut off, and others served meanwhile', async () => {
      const targets = [...ports.values()];
      const before = await Promise.all(targets.map(residentKiB));
      const idle = targets.flatMap((target) => Array.from({ length: 300 }, (_, index) => beginOnly(target, index)));
      const gone = Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
      for (let round = 0; round < 3; round += 1) {
        await lab.kubectl(['get', '--raw', '/api/v1/namespaces/default']);
        await lab.inPod('client', ['true']);
      }
      const first = await Promise.race([gone, sleep(cutOffMs, 'late', { ref: false })]);
      const late = idle.filter((socket) => !socket.destroyed).length;
      for (const socket of idle) socket.destroy();
      assert.notEqual(first, 'late', `${late} were kept for ${cutOffMs / 1000} s`);
      const after = await Promise.all(targets.map(residentKiB));
      for (const [index, kiB] of after.entries()) {
        const growth = kiB - (before[index] ?? 0);
        assert.ok(growth < maxGrowthKiB, `${targets[index]?.kind} grew by ${growth} KiB`);
      }
    });

    test('the door for images is for root, and hears no endless question', async () => {
      const path = imageDoorSocket(lab.name);
      assert.equal((await stat(path)).mode & 0o777, 0o600);
      const socket = connectPlain(path).on('error', () => undefined);
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write('x'.repeat(1_000_000));
      await Promise.race([closed, sleep(cutOffMs, undefined, { ref: false })]);
      assert.ok(socket.destroyed, 'it is still open');
      assert.match(text, /^$|"error":"[^"]*too long/);
    });

    test('what is secret on disk is for root only', async () => {
      const { lab: folder } = labPlaces(lab.name);
      const secret = [
        '(',
        '-name',
        '*.key',
        '-o',
        '-name',
        '*kubeconfig',
        '-o',
        '-name',
        'lab.json',
        '-o',
        '-path',
        '*/control-plane/store*',
        ')',
      ];
      const found = async (...more: string[]): Promise<string[]> =>
        (await run(['find', folder, '-type', 'f', ...secret, ...more])).stdout.split('\n').filter(Boolean);
      assert.ok((await found()).length > 10, 'too few were looked at');
      assert.deepEqual(await found('-perm', '/077'), []);
      const store = machinePlaces(lab.name, 'control-plane').lib;
      assert.ok(
        (await found()).some((path) => path.startsWith(store) && path.includes('/store')),
        'no store found',
      );
      assert.equal((await stat(folder.replace(/\/[^/]*$/, ''))).mode & 0o077, 0);
    });
  });
}
