/** What a state folder tells of pods that were running when the agent ended, before the runtime itself is started. */
import type { PodIdentity, PodNetworkNeeds } from '../contract.ts';
import { Journal } from './journal.ts';
import type { SandboxRecord } from './records.ts';

export interface RememberedPod extends PodIdentity {
  readonly ips: readonly string[];
  readonly needs: PodNetworkNeeds;
}

/** Those with a network of their own. Reads files; not while a runtime of this folder is started. */
export function rememberedPods(sandboxRecords: string): readonly RememberedPod[] {
  const journal = new Journal<SandboxRecord>(sandboxRecords);
  journal.load();
  return journal
    .all()
    .flatMap(({ state, network, config }) =>
      state === 'ready' && network !== undefined
        ? [{ ...config.pod, ips: network.ips, needs: config.network ?? {} }]
        : [],
    );
}
