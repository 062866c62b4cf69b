/** Where the tests run: in the host's network, or in that of a machine beyond the cluster, as a client of a load balancer is. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab } from '../lab.ts';

export interface Client {
  /** What the command line of a program begins with. */
  readonly enter: readonly string[];
  /** As that program sees it. */
  readonly kubeconfig: string;
}

/** Of docs/lab.md: no address of a node is like it. */
const ownAddress = '203.0.113.1';

/** The machine asks nodes by an address of its own from now on, not by that of its link, which looks like another node's. */
async function askByOwnAddress(lab: Lab, machine: string): Promise<void> {
  const { stdout } = await lab.onNode(machine, ['ip', '-json', '-4', 'route', 'show', 'dev', 'eth0', 'scope', 'link']);
  for (const { dst } of JSON.parse(stdout) as readonly { readonly dst: string }[]) {
    const route = [dst, 'dev', 'eth0', 'proto', 'kernel', 'scope', 'link', 'src', ownAddress];
    await lab.onNode(machine, ['ip', 'route', 'replace', ...route]);
  }
}

/** `folder` is one that the machine sees too: it has a /var/lib and a /run of its own. */
export async function clientOn(lab: Lab, podwire: string, machine: string, folder: string): Promise<Client> {
  await askByOwnAddress(lab, machine);
  const kubeconfig = join(folder, 'kubeconfig');
  await copyFile(lab.kubeconfig, kubeconfig);
  return { enter: [podwire, 'node', 'exec', '--name', lab.name, machine, '--'], kubeconfig };
}
