/** Which kubelet, which container: where a request for a pod's log or streams goes. */
import { nodes, pods } from '../../api/resources.ts';
import type { Pod } from '../../api/types.gen.ts';
import { badRequest, unreachable } from '../errors.ts';
import type { Machinery } from '../machinery.ts';
import type { ResourceRequest } from '../request.ts';
import { objectNotFound } from '../validation/refusal.ts';
import type { KubeletAddress } from './connection.ts';

const defaultPort = 10250;

/** The pod that a request names. Throws 404. */
export function podOf({ lookup }: Machinery, { path: { namespace, name } }: ResourceRequest): Pod {
  const pod = lookup.get(pods, { namespace, name });
  if (pod === undefined) throw objectNotFound(pods, name);
  return pod;
}

/** Throws 502 when the node is not there or has no address. */
export function kubeletOf({ lookup }: Pick<Machinery, 'lookup'>, nodeName: string): KubeletAddress {
  const node = lookup.get(nodes, { name: nodeName });
  const host = node?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  if (host === undefined) throw unreachable(`node "${nodeName}" has no InternalIP address`);
  return { host, port: node?.status?.daemonEndpoints?.kubeletEndpoint?.Port || defaultPort };
}

const names = (containers: readonly { name: string }[] | undefined): readonly string[] =>
  (containers ?? []).map(({ name }) => name);

/** The container asked for, or the only one there is. Throws 400. */
export function containerOf(pod: Pod, asked: string | null): string {
  const own = names(pod.spec?.containers);
  const init = names(pod.spec?.initContainers);
  const all = [...own, ...init, ...names(pod.spec?.ephemeralContainers)];
  const podName = pod.metadata.name;
  if (asked !== null && asked !== '') {
    if (!all.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${podName}`);
    return asked;
  }
  const [only = ''] = own;
  if (own.length === 1) return only;
  const inits = init.length === 0 ? '' : ` or one of the init containers: [${init.join(' ')}]`;
  throw badRequest(`a container name must be specified for pod ${podName}, choose one of: [${own.join(' ')}]${inits}`);
}
