/** A whole API server for tests: on a free port of loopback, with a CA and a store of its own. */
import { createClient, type TestClient } from './client.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../api/logger.ts';
import { createAuthority, createSigningKey, type Authority, type KeyPairPem } from '../../pki/index.ts';
import type { Store } from '../../store/contract.ts';
import { openEmbeddedStore } from '../../store/embedded/index.ts';
import { startApiServer, type ApiServerOptions } from '../index.ts';

export interface TestServer extends AsyncDisposable {
  readonly port: number;
  readonly authority: Authority;
  readonly store: Store;
  /** In group system:masters. */
  readonly admin: TestClient;
  /** Speaks as somebody else, by certificate. */
  clientAs(commonName: string, organizations?: readonly string[]): Promise<TestClient>;
  /** Closes store and server and opens them again, on the same port. */
  restart(): Promise<void>;
  /** Speaks without a certificate. */
  clientWith(headers: Readonly<Record<string, string>>): TestClient;
}

const hosts = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] };

/** Everything a server is started with, on a folder of its own. */
export async function serverOptions(folder: string): Promise<ApiServerOptions & { readonly authority: Authority }> {
  const authority = await createAuthority('podwire-test');
  const [serving, kubelet, signing, store] = await Promise.all([
    authority.issue({ commonName: 'kube-apiserver', ...hosts }),
    authority.issue({ commonName: 'kube-apiserver-kubelet-client' }),
    createSigningKey(),
    openEmbeddedStore({ path: join(folder, 'store'), logger: silentLogger }),
  ]);
  return {
    authority,
    store,
    listen: { host: '127.0.0.1', port: 0 },
    tls: { cert: serving.certPem, key: serving.keyPem, clientCA: authority.certPem },
    serviceAccountKey: { ...signing, issuer: 'https://kubernetes.default.svc.cluster.local' },
    serviceCIDR: '10.46.0.0/16',
    nodePortRange: '30000-32767',
    kubeletClient: { cert: kubelet.certPem, key: kubelet.keyPem, ca: authority.certPem },
    advertiseAddress: '127.0.0.1',
    logger: silentLogger,
  };
}

/** Starts a server with all resources. */
export async function startTestServer(): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'podwire-apiserver-'));
  const options = await serverOptions(folder);
  const { authority } = options;
  let { store } = options;
  let server = await startApiServer(options);
  const { port } = server;
  const clients: TestClient[] = [];
  const client = (pair?: KeyPairPem, headers = {}): TestClient => {
    const made = createClient({ port, ca: authority.certPem, pair, headers });
    clients.push(made);
    return made;
  };
  const clientAs = async (commonName: string, organizations: readonly string[] = []): Promise<TestClient> =>
    client(await authority.issue({ commonName, organizations }));
  return {
    port,
    authority,
    get store() {
      return store;
    },
    restart: async () => {
      await server.close();
      await store.close();
      store = await openEmbeddedStore({ path: join(folder, 'store'), logger: silentLogger });
      server = await startApiServer({ ...options, store, listen: { ...options.listen, port } });
    },
    admin: await clientAs('admin', ['system:masters']),
    clientAs,
    clientWith: (headers) => client(undefined, headers),
    [Symbol.asyncDispose]: async () => {
      for (const each of clients) each.close();
      await server.close();
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}
