/** The same zone for every DNS server: Services with endpoints in an API server of ours, on loopback. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestServer, type TestServer } from '../src/apiserver/testing/server.ts';

const namespaces = 20;
const endpoints = 2;
/** Every so many Services one is headless. */
const headlessEvery = 20;
/** Requests under way at once while the zone is made. */
const lanes = 32;

export interface BenchZone extends AsyncDisposable {
  readonly kubeconfig: string;
  /** All names of Services, one address query a line, mixed. */
  readonly allNames: string;
  /** 200 of them. */
  readonly fewNames: string;
}

const namespaceOf = (index: number): string => `ns${index % namespaces}`;
const isHeadless = (index: number): boolean => index % headlessEvery === 0;
const addressOf = (index: number): string => `10.45.${(index >> 8) & 255}.${index & 255}`;

function serviceOf(index: number): object {
  const spec = { ports: [{ name: 'http', port: 80, targetPort: 8080 }], selector: { app: `service${index}` } };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `service${index}` },
    spec: isHeadless(index) ? { ...spec, clusterIP: 'None' } : spec,
  };
}

function sliceOf(index: number): object {
  const name = `service${index}`;
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-abcde`,
      labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': 'bench' },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: endpoints }, (_, nth) => ({
      addresses: [addressOf(index * endpoints + nth)],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node${index % 3}`,
      targetRef: { kind: 'Pod', namespace: namespaceOf(index), name: `${name}-${nth}` },
    })),
  };
}

async function create(server: TestServer, path: string, body: object): Promise<void> {
  const { code, text } = await server.admin.send('POST', path, body);
  if (code >= 300) throw new Error(`POST ${path}: ${code} ${text}`);
}

async function fill(server: TestServer, services: number): Promise<void> {
  for (let index = 0; index < namespaces; index += 1)
    await create(server, '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespaceOf(index) },
    });
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < services; index = next++) {
      await create(server, `/api/v1/namespaces/${namespaceOf(index)}/services`, serviceOf(index));
      const slices = `/apis/discovery.k8s.io/v1/namespaces/${namespaceOf(index)}/endpointslices`;
      await create(server, slices, sliceOf(index));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function writeKubeconfig(server: TestServer, folder: string): Promise<string> {
  const { certPem, keyPem } = await server.authority.issue({ commonName: 'admin', organizations: ['system:masters'] });
  const data = (text: string): string => Buffer.from(text).toString('base64');
  const cluster = {
    server: `https://127.0.0.1:${server.port}`,
    'certificate-authority-data': data(server.authority.certPem),
  };
  const user = { 'client-certificate-data': data(certPem), 'client-key-data': data(keyPem) };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bench', cluster }],
    users: [{ name: 'bench', user }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
    'current-context': 'bench',
  };
  const path = join(folder, 'kubeconfig');
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

/** A walk over all of them that is not in their order, the same each time: 7,919 is a prime. */
function writeNames(path: string, services: number, count: number): string {
  const lines = Array.from({ length: count }, (_, nth) => (nth * 7919) % services);
  writeFileSync(path, lines.map((index) => `service${index}.${namespaceOf(index)}.svc.cluster.local A\n`).join(''));
  return path;
}

export async function makeZone(folder: string, services: number): Promise<BenchZone> {
  const server = await startTestServer();
  await fill(server, services);
  return {
    kubeconfig: await writeKubeconfig(server, folder),
    allNames: writeNames(join(folder, 'all'), services, services),
    fewNames: writeNames(join(folder, 'few'), services, Math.min(200, services)),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
