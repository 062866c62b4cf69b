/** All that a control plane signs in with, as texts by file name: a lab writes them into its machine, `podwire init` onto this one. */
import type { Authority, KeyPairPem } from './authority.ts';
import { controlPlaneCertificates, type ClusterNames } from './cluster.ts';
import { kubeconfigText } from './kubeconfig-text.ts';
import { createSigningKey } from './signing-key.ts';

export interface ControlPlaneFiles {
  /** What `podwire control-plane` reads in its folder. Files of one name but for the ending belong together. */
  readonly folder: Readonly<Record<string, string>>;
  /** The kubeconfig of the administrator. */
  readonly admin: string;
}

export interface ControlPlaneFacts extends ClusterNames {
  /** The name of the cluster in kubeconfigs. */
  readonly cluster: string;
  /** How the control plane reaches its own API server, and how all others do: `https://HOST:PORT`. */
  readonly ownServer: string;
  readonly server: string;
}

/** Makes new keys and certificates for all. */
export async function controlPlaneFiles(authority: Authority, facts: ControlPlaneFacts): Promise<ControlPlaneFiles> {
  const rows = controlPlaneCertificates(facts);
  const issued = await Promise.all(
    Object.entries(rows).map(async ([name, row]) => [name, row.commonName, await authority.issue(row)] as const),
  );
  const pairs = new Map(issued.map(([name, user, pair]) => [name, { user, pair }]));
  const pair = (name: string): Record<string, string> =>
    pairFiles(name, (pairs.get(name) as { pair: KeyPairPem }).pair);
  const kubeconfig = (name: string, server: string): string =>
    kubeconfigText({
      ...{ cluster: facts.cluster, server, caPem: authority.certPem },
      ...(pairs.get(name) as { user: string; pair: KeyPairPem }),
    });
  const signingKey = await createSigningKey();
  return {
    folder: {
      'ca.key': authority.keyPem,
      'ca.crt': authority.certPem,
      'sa.key': signingKey.privatePem,
      'sa.pub': signingKey.publicPem,
      ...pair('apiserver'),
      ...pair('apiserver-kubelet-client'),
      'controller-manager.kubeconfig': kubeconfig('controller-manager', facts.ownServer),
      'scheduler.kubeconfig': kubeconfig('scheduler', facts.ownServer),
    },
    admin: kubeconfig('admin', facts.server),
  };
}

/** The key first: a certificate says that its pair is whole. */
function pairFiles(name: string, { certPem, keyPem }: KeyPairPem): Record<string, string> {
  return { [`${name}.key`]: keyPem, [`${name}.crt`]: certPem };
}
