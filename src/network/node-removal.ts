/** A node that leaves its cluster: all that the pod network ever made here goes. Reads the kernel alone, and asks nobody. */
import type { Logger } from '../api/logger.ts';
import type { Exec } from '../kernel/exec.ts';
import { families } from '../kernel/family.ts';
import { readNeighbourProxies } from '../kernel/forwarding.ts';
import { IpBatchError, isMissing, readLinks, readRoutes, runIpBatch } from '../kernel/ip.ts';
import { createRuleWriter } from '../kernel/rule-writer.ts';
import type { PodIdentity } from './contract.ts';
import { bridgeName, overlayName, routeProtocol } from './names.ts';
import { ownsPortChain } from './plan-host-ports.ts';
import { ownsNetworkChain } from './plan-node.ts';
import { planServiceAddresses } from './plan-service-addresses.ts';
import { PodLinks } from './pod-links.ts';
import { policyModes } from './policy/modes.ts';

export interface NodeRemoval {
  /** Of one pod: its link and its namespace. Resolves also when nothing was there. */
  tearDown(pod: PodIdentity): Promise<void>;
  /** Pods that nobody has claimed, then bridge, tunnel, routes and rules. Rejects with the first thing that cannot be removed. */
  removeAll(): Promise<void>;
}

/** Nothing happens before a function is called. Settings of the kernel (forwarding) stay as they are. */
export function createNodeRemoval({ exec, logger }: { readonly exec: Exec; readonly logger: Logger }): NodeRemoval {
  const links = new PodLinks(exec, logger, { admit: async () => undefined, leave: () => undefined });
  return {
    tearDown: (pod) => links.tearDown(pod),
    removeAll: async () => {
      await links.adopt();
      for (const { uid, attempt } of links.pods) await links.tearDown({ uid, attempt });
      await links.settle();
      await removeServiceAddresses(exec);
      await removeLinks(exec);
      await removeRules(exec);
    },
  };
}

async function removeServiceAddresses(exec: Exec): Promise<void> {
  const [proxies, ...routes] = await Promise.all([
    readNeighbourProxies(exec, routeProtocol),
    ...families.map((family) => readRoutes(exec, family, routeProtocol, 'local')),
  ]);
  const { steps } = planServiceAddresses(new Map(), { routes: routes.flat(), proxies }, '');
  await runLines(
    exec,
    steps.map(({ line }) => line),
  );
}

/** By alias: a link of that name that somebody else made is not ours. Routes go with the link they stand on, the others by their number. */
async function removeLinks(exec: Exec): Promise<void> {
  const own = (await readLinks(exec)).filter(
    ({ name, alias = '' }) => (name === bridgeName || name === overlayName) && alias.startsWith('podwire:node/'),
  );
  await runLines(
    exec,
    own.map(({ name }) => `link delete ${name}`),
  );
  for (const { version } of families) {
    await exec.run({
      argv: ['ip', `-${version}`, 'route', 'flush', 'proto', String(routeProtocol)],
      okExitCodes: [0, 2],
    });
  }
}

async function runLines(exec: Exec, lines: readonly string[]): Promise<void> {
  const failures = await runIpBatch(exec, lines);
  if (failures.some((failure) => !isMissing(failure))) throw new IpBatchError('what is left of the node', failures);
}

async function removeRules(exec: Exec): Promise<void> {
  for (const family of families) {
    const owns = (chain: string): boolean => ownsNetworkChain(chain) || ownsPortChain(chain);
    await createRuleWriter({ exec, family, owns }).sync({ chains: new Map(), hooks: [] });
    for (const mode of policyModes) await mode.cleanUp(exec, family);
  }
}
