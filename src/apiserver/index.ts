/** The API server: one store in, HTTPS out. The folder's README draws a request's way. */
import type { Logger } from '../api/logger.ts';
import type { KubeObject } from '../api/client.ts';
import type { Store } from '../store/contract.ts';
import { createPatience } from './admission/default-account.ts';
import { admit, admitDelete } from './admission/index.ts';
import { createAuthenticator } from './authn/index.ts';
import { createServiceAccountTokens, type ServiceAccountKey } from './authn/service-account-tokens.ts';
import { ensureDefaultRoles } from './authz/defaults/reconcile.ts';
import { followAuthorization } from './authz/index.ts';
import { bootstrap } from './bootstrap.ts';
import { ensureClusterInfo } from './cluster-info.ts';
import { createDiscovery } from './discovery/index.ts';
import { createRequestMetrics } from './http/request-metrics.ts';
import { serve, serveUpgrade } from './http/serve.ts';
import { startListener } from './http/server.ts';
import { createKubelets } from './kubelets/connection.ts';
import type { Machinery } from './machinery.ts';
import { createOwnClient } from './own-client.ts';
import type { Admission, AdmissionOfDeletes, ResourceRow } from './resource.ts';
import { resourceRows } from './resources/index.ts';
import { reviewRows } from './reviews/index.ts';
import { createLookup } from './storage/lookup.ts';
import { createRegistry } from './storage/registry.ts';

export interface ApiServerOptions {
  readonly store: Store;
  /** Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCA: string };
  readonly serviceAccountKey: ServiceAccountKey;
  readonly serviceCIDR: string;
  readonly nodePortRange: string;
  /** How this server shows itself to kubelets, and the CA that signs theirs. PEM texts. */
  readonly kubeletClient: { readonly cert: string; readonly key: string; readonly ca: string };
  /** Where clients reach this server. */
  readonly advertiseAddress: string;
  readonly logger: Logger;
}

/** What tests may bring in place of the real rows. */
export interface ApiServerParts {
  readonly rows: readonly ResourceRow[];
  readonly admit: Admission;
  readonly admitDelete: AdmissionOfDeletes;
  /** Runs before the first request. */
  readonly prepare?: (machinery: Machinery) => Promise<void>;
}

export interface ApiServer {
  readonly port: number;
  /** Ends all connections; the store stays open. */
  close(): Promise<void>;
}

/** Lets every row take up again what its stored objects hold. */
function restore({ store, registry }: Machinery): void {
  for (const row of registry.groupVersions.flatMap(({ rows }) => rows)) {
    const stored = row.strategy.restore === undefined ? [] : createLookup(store).list<KubeObject>(row.type);
    row.strategy.restore?.(stored);
  }
}

/** Starts a server of these rows. Rejects when the port cannot be had or a key cannot be used. */
export async function startServerOf(parts: ApiServerParts, options: ApiServerOptions): Promise<ApiServer> {
  const { store, logger } = options;
  const { admit, admitDelete } = parts;
  const now = (): Date => new Date();
  const lookup = createLookup(store);
  const registry = createRegistry([...parts.rows, ...reviewRows]);
  const tokens = createServiceAccountTokens(options.serviceAccountKey, lookup, now);
  const { authorizer, end: endAuthorization } = followAuthorization(store);
  const kubelets = createKubelets(options.kubeletClient);
  const patience = createPatience(store, lookup);
  // A server that is itself reached by loopback serves nobody but this machine.
  const mayProxyTo = (address: string): boolean => address === options.advertiseAddress;
  const machinery = {
    ...{ store, registry, lookup, patience, admit, admitDelete },
    ...{ authorizer, tokens, kubelets, mayProxyTo, logger, now },
  };
  restore(machinery);
  await parts.prepare?.(machinery);
  const serving = {
    machinery,
    authenticate: createAuthenticator(tokens, lookup, now),
    metrics: createRequestMetrics(registry),
    discovery: createDiscovery(registry, tokens, `${options.advertiseAddress}:${options.listen.port}`),
  };
  const listener = await startListener({
    listen: options.listen,
    tls: options.tls,
    logger,
    onRequest: (request, response) => void serve(serving, request, response),
    onUpgrade: (request, socket, head) => void serveUpgrade(serving, request, socket, head),
  });
  return {
    port: listener.port,
    close: async () => {
      await listener.close();
      kubelets.close();
      endAuthorization();
    },
  };
}

/** Starts the server with all resources. Rejects when the port cannot be had or an option is malformed. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { serviceCIDR, advertiseAddress, listen } = options;
  const prepare = async (machinery: Machinery): Promise<void> => {
    const client = createOwnClient(machinery);
    // Port 0 is a test's: then nobody asks for the Service.
    const port = listen.port || 6443;
    await Promise.all([ensureDefaultRoles(client), bootstrap({ client, serviceCIDR, advertiseAddress, port })]);
    const host = advertiseAddress.includes(':') ? `[${advertiseAddress}]` : advertiseAddress;
    await ensureClusterInfo(client, { server: `https://${host}:${port}`, ca: options.tls.clientCA });
  };
  return startServerOf({ rows: resourceRows(options), admit, admitDelete, prepare }, options);
}
