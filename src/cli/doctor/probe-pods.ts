/** A pod on each node that has none, so that a look at the network leaves no node out; gone when the look is over. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import { isNotFound } from '../../api/errors.ts';
import { nodes, pods } from '../../api/resources.ts';
import type { Pod } from '../../api/types.gen.ts';

const namespace = 'kube-system';
const label = 'podwire-doctor';
const limitMs = 20_000;
const lookMs = 50;

/** Their pods are deleted however `look` ends. A pod that does not start in time is left out of it. */
export async function withProbes<T>(client: ApiClient, look: () => Promise<T>): Promise<T> {
  const [nodeList, podList] = await Promise.all([client.list(nodes), client.list(pods)]);
  const inhabited = new Set(
    podList.items.filter(({ spec }) => spec?.hostNetwork !== true).map(({ spec }) => spec?.nodeName),
  );
  const bare = nodeList.items.map(({ metadata }) => metadata.name ?? '').filter((name) => !inhabited.has(name));
  const probes = bare.map(probeOn);
  try {
    await Promise.all(probes.map((pod) => client.create(pods, pod)));
    await untilRunning(client, probes);
    return await look();
  } finally {
    await Promise.all(probes.map((pod) => remove(client, pod)));
  }
}

function probeOn(node: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${label}-${node}`, namespace, labels: { app: label } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name: 'probe', image: 'busybox', command: ['sleep', '3600'] }],
    },
  };
}

async function untilRunning(client: ApiClient, probes: readonly Pod[]): Promise<void> {
  if (probes.length === 0) return;
  for (const end = performance.now() + limitMs; performance.now() < end; await sleep(lookMs)) {
    const { items } = await client.list(pods, { namespace, labelSelector: `app=${label}` });
    const running = items.filter(({ status }) => status?.phase === 'Running' && status.podIP !== undefined);
    if (running.length >= probes.length) return;
  }
}

async function remove(client: ApiClient, { metadata: { name = '' } }: Pod): Promise<void> {
  await client.delete(pods, { namespace, name }).catch((error: unknown) => {
    if (!isNotFound(error)) console.log(`pod ${namespace}/${name} stays: ${String(error)}`);
  });
}
