/** A machine that dies: the cluster notices, its pods leave their Services, and all comes back with it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isConditionTrue } from '../../src/api/conditions.ts';
import type { Endpoint, EndpointSlice, Service } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { RequestLoop } from '../request-loop.ts';
import { find, killNow } from '../victims.ts';

const NODE = 'node3';

/** `workload` has pods on all nodes; `client` is a pod on another one. The lab was made with this grace period. */
export function deadNodeStories(
  lab: Lab,
  { workload, client, graceSeconds }: { workload: string; client: string; graceSeconds: number },
): void {
  const isReady = async (): Promise<boolean> =>
    (await lab.nodes()).some(
      ({ metadata, status }) => metadata.name === NODE && isConditionTrue(status?.conditions, 'Ready'),
    );
  const endpointsThere = async (): Promise<Endpoint[]> =>
    (await lab.list<EndpointSlice>(['endpointslices', '-l', `kubernetes.io/service-name=${workload}`]))
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ nodeName }) => nodeName === NODE);
  /** Which of these addresses the rules of node1 send requests to. */
  const inRules = async (addresses: readonly string[]): Promise<string[]> => {
    const rules = (await lab.onNode('node1', ['iptables-save', '-t', 'nat'])).stdout;
    return addresses.filter((address) => rules.includes(`--to-destination ${address}:`));
  };

  test('a dead node is NotReady, its endpoints leave the Services, and it serves again when it is back', async (t) => {
    // What was done to the node before may still be on its way.
    const before = await eventually(`a pod of ${workload} on ${NODE} that is served`, async () => {
      const addresses = (await endpointsThere()).flatMap((one) => one.addresses);
      return addresses.length > 0 && (await inRules(addresses)).length === addresses.length ? addresses : undefined;
    });
    killNow(await find(lab.name, NODE, 'first process'));
    const died = Date.now();
    await eventually(`${NODE} NotReady`, async () => !(await isReady()), graceSeconds * 10_000);
    const noticedMs = Date.now() - died;
    t.diagnostic(`NotReady after ${(noticedMs / 1000).toFixed(1)} s, asked for was ${graceSeconds} s`);
    // The last sign of life is up to a quarter of the grace period older than the death.
    assert.ok(noticedMs > graceSeconds * 600, 'it was taken for dead too early');
    await eventually('no endpoint of it is ready', async () =>
      (await endpointsThere()).every(({ conditions }) => conditions?.ready === false),
    );
    await eventually('no rule leads to it', async () => (await inRules(before)).length === 0);
    const clusterIP = (await lab.get<Service>(['service', workload])).spec?.clusterIP ?? '';
    const loop = await RequestLoop.start(lab, [client], clusterIP);
    await lab.podwire(['node', 'start', NODE]);
    await eventually(`${NODE} Ready again`, isReady, 60_000);
    const again = await eventually('ready endpoints on it', async () => {
      const endpoints = await endpointsThere();
      const isWhole = endpoints.length > 0 && endpoints.every(({ conditions }) => conditions?.ready === true);
      return isWhole ? endpoints.flatMap(({ addresses }) => addresses) : undefined;
    });
    await eventually('rules that lead to them', async () => (await inRules(again)).length === again.length);
    const [answer] = await loop.end();
    assert.deepEqual(answer?.failures, {}, 'no request failed between the node’s leaving and its coming back');
    for (const address of again)
      await lab.onNode('node1', ['curl', '-sf', '--max-time', '5', '-o', '/dev/null', `http://${address}:8080/`]);
  });
}
