/** The short look at the end of `up`, on a cluster in memory and with an exec that answers as nodes would. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeCluster } from '../../../test/fake-cluster/index.ts';
import { nodes, pods } from '../../api/resources.ts';
import type { Command } from '../../kernel/exec.ts';
import { podAlias } from '../../network/names.ts';
import { glance } from './index.ts';

const enter = async (node: string): Promise<[string, ...string[]]> => ['enter', node];

async function cluster(): Promise<FakeCluster> {
  const fake = new FakeCluster();
  for (const [index, name] of ['n1', 'n2'].entries()) {
    const addresses = [{ type: 'InternalIP', address: `10.44.0.1${index}` }];
    await fake.create(nodes, { metadata: { name }, status: { addresses } });
    const podIP = `10.45.${index}.2`;
    const key = { namespace: 'ns', name: `on-${name}` };
    await fake.create(pods, { metadata: { ...key }, spec: { nodeName: name, containers: [] } });
    const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }] };
    await fake.patch(pods, key, { status }, { type: 'merge', subresource: 'status' });
  }
  return fake;
}

/** A node whose only link is that of its pod; `answers` says how often pings failed before they are answered. */
function execOf(
  fake: FakeCluster,
  failures: number,
): { readonly run: (command: Command) => Promise<never>; readonly pings: string[] } {
  const pings: string[] = [];
  const run = async ({ argv }: Command): Promise<never> => {
    const done = (exitCode: number, stdout: string, stderr = '') =>
      ({ exitCode, stdout, stderr, durationMs: 0 }) as never;
    if (argv.includes('ip')) {
      const uid = fake.all(pods).find(({ spec }) => spec?.nodeName === argv[1])?.metadata.uid ?? '';
      const alias = podAlias({ pod: `ns/on-${argv[1]}`, uid, attempt: 0, ips: ['10.45.0.2'] });
      return done(0, JSON.stringify([{ ifname: `pw${argv[1]}`, ifalias: alias, mtu: 1500, flags: ['UP'] }]));
    }
    if (argv.some((word) => word.includes('/dev/tcp/'))) return done(0, '');
    if (argv.includes('bash')) return done(1, '', 'read error: Connection refused');
    pings.push(argv.join(' '));
    return pings.length <= failures ? done(1, '1 packets transmitted, 0 received') : done(0, '');
  };
  return { run, pings };
}

test('a pod of each node calls, and what fails at first is looked at again', async () => {
  const client = await cluster();
  const exec = execOf(client, 1);
  const { findings } = await glance({ client, exec, lab: { enter } });
  assert.deepEqual(
    findings.filter(({ problem }) => problem !== undefined),
    [],
  );
  const ways = findings.filter(({ protocol }) => protocol === 'ICMP');
  assert.equal(ways.length, 6, 'two pods, to the other one and to both nodes');
  assert.ok(ways.every(({ from }) => from.kind === 'pod'));
  assert.equal(exec.pings.length, 12);
  assert.match(exec.pings[0] ?? '', /^enter n1 nsenter --net=\/run\/netns\/pw-n1 -- ping /);
});

test('where no pod runs there is nothing to look at', async () => {
  const fake = new FakeCluster();
  await fake.create(nodes, { metadata: { name: 'n1' } });
  const exec = execOf(fake, 0);
  assert.deepEqual((await glance({ client: fake, exec, lab: { enter } })).findings, []);
  assert.deepEqual(exec.pings, []);
});
