/** The lab's certificates, keys and kubeconfigs: made when they are missing, kept for as long as the lab is. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as pki from '../pki/index.ts';
import type { Authority, KeyPairPem } from '../pki/index.ts';
import { apiPort, clusterDomain, machinesOf, type LabConfig, type Machine } from './config.ts';
import { apiServerUrl, apiServiceAddresses, clusterAddresses } from './families.ts';
import { inside, labPlaces, machinePlaces } from './places.ts';
import { writeWhole } from './write-file.ts';

/** A folder as a machine sees it, on the host. */
export function onHost(lab: string, machine: string, path: string): string {
  return path.replace(/^\/var\/lib/, machinePlaces(lab, machine).lib);
}

/** The last file of each set is its mark: a set without it is made anew as a whole. */
export async function writeCredentials(config: LabConfig): Promise<void> {
  const { pki, kubeconfig } = labPlaces(config.name);
  const machines = machinesOf(config);
  const control = machines.find(({ role }) => role === 'control-plane');
  const nodes = machines.filter(({ role }) => role === 'node');
  if (control === undefined) return;
  const isMissing = (path: string): boolean => !existsSync(path);
  const controlMissing = isMissing(kubeconfig);
  const nodesMissing = nodes.filter(({ name }) =>
    isMissing(join(onHost(config.name, name, inside.agent), 'kubeconfig')),
  );
  if (!controlMissing && nodesMissing.length === 0) return;
  // Loaded only here: reading it takes longer than anything else in a warm start.
  const library = await import('../pki/index.ts');
  const authority = await loadOrCreate(library, pki, config);
  await Promise.all([
    ...(controlMissing ? [writeControlPlane(library, authority, config, control)] : []),
    ...nodesMissing.map((node) => writeNode(library, authority, config, node)),
  ]);
}

type Library = typeof pki;

async function loadOrCreate(library: Library, pki: string, config: LabConfig): Promise<Authority> {
  const [certFile, keyFile] = [join(pki, 'ca.crt'), join(pki, 'ca.key')];
  if (existsSync(certFile)) {
    const [certPem, keyPem] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    return library.loadAuthority({ certPem, keyPem });
  }
  const authority = await library.createAuthority(`podwire-${config.name}-ca`);
  await writeWhole(keyFile, authority.keyPem);
  await writeWhole(certFile, authority.certPem);
  return authority;
}

async function writeControlPlane(
  library: Library,
  authority: Authority,
  config: LabConfig,
  machine: Machine,
): Promise<void> {
  const folder = onHost(config.name, machine.name, inside.controlPlane);
  const files = await library.controlPlaneFiles(authority, {
    cluster: config.name,
    apiServerAddresses: [...apiServiceAddresses(config), ...clusterAddresses(config, machine)],
    clusterDomain,
    ownServer: `https://127.0.0.1:${apiPort}`,
    server: apiServerUrl(config),
  });
  await Promise.all(Object.entries(files.folder).map(([name, text]) => writeWhole(join(folder, name), text)));
  await writeWhole(labPlaces(config.name).kubeconfig, files.admin);
}

async function writeNode(library: Library, authority: Authority, config: LabConfig, machine: Machine): Promise<void> {
  const folder = onHost(config.name, machine.name, inside.agent);
  const rows = library.nodeCertificates(machine.name, [...clusterAddresses(config, machine), '127.0.0.1']);
  const [client, serving] = await Promise.all([authority.issue(rows['kubelet-client']), authority.issue(rows.kubelet)]);
  await Promise.all([writeWhole(join(folder, 'ca.crt'), authority.certPem), writePair(folder, 'kubelet', serving)]);
  const text = library.kubeconfigText({
    cluster: config.name,
    server: apiServerUrl(config),
    user: rows.kubelet.commonName,
    caPem: authority.certPem,
    pair: client,
  });
  await writeWhole(join(folder, 'kubeconfig'), text);
}

async function writePair(folder: string, name: string, pair: KeyPairPem): Promise<void> {
  await writeWhole(join(folder, `${name}.key`), pair.keyPem);
  await writeWhole(join(folder, `${name}.crt`), pair.certPem);
}
