/** Where a `proxy` subresource leads: `[SCHEME:]NAME[:PORT]` of a pod, Service or node becomes an address. */
import { apiError } from '../../api/errors.ts';
import { endpointSlices, nodes, pods, services, type ResourceType } from '../../api/resources.ts';
import type { DiscoveryEndpointPort, EndpointSlice, Pod, Service, ServicePort } from '../../api/types.gen.ts';
import { badRequest } from '../errors.ts';
import { kubeletOf } from '../kubelets/target.ts';
import type { Machinery } from '../machinery.ts';
import type { ResourcePath } from '../request.ts';
import { validateEndpointIP } from '../validation/addresses.ts';
import { objectNotFound } from '../validation/refusal.ts';

export interface Backend {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** It is a kubelet: it gets our client certificate, and its own is checked. */
  readonly kubelet: boolean;
}

type Reads = Pick<Machinery, 'lookup'>;

interface Asked {
  readonly scheme: '' | 'http' | 'https';
  readonly name: string;
  readonly port: string;
}

const defaultPorts = { http: 80, https: 443 };

/** Throws 400. */
function parseAsked(text: string): Asked {
  const parts = text.split(':');
  const [scheme = '', name = '', port = ''] =
    parts.length === 1 ? ['', ...parts] : parts.length === 2 ? ['', ...parts] : parts;
  const known = scheme === '' || scheme === 'http' || scheme === 'https';
  if (parts.length > 3 || name === '' || !known)
    throw badRequest(`invalid request "${text}": want [SCHEME:]NAME[:PORT]`);
  return { scheme, name, port };
}

/** Throws 400. */
function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw badRequest(`invalid port "${text}"`);
  return port;
}

function unavailable(message: string): Error {
  return apiError({ code: 503, reason: 'ServiceUnavailable', message });
}

function found<T>(object: T | undefined, type: ResourceType<T>, name: string): T {
  if (object === undefined) throw objectNotFound(type, name);
  return object;
}

/** The port asked for, or the first that a container names. */
function podBackend(pod: Pod, { scheme, port, name }: Asked): Backend {
  const first = pod.spec?.containers.flatMap(({ ports = [] }) => ports)[0]?.containerPort;
  const host = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '';
  if (host === '') throw badRequest(`pod "${name}" has no IP address yet`);
  const protocol = scheme || 'http';
  const number = port === '' ? (first ?? defaultPorts[protocol]) : portNumber(port);
  return { scheme: protocol, host, port: number, kubelet: false };
}

/** The Service's port by name or number; without either the only one. Throws 503. */
function servicePort({ spec, metadata }: Service, asked: string): ServicePort {
  const ports = spec?.ports ?? [];
  const one =
    asked === ''
      ? ports.length === 1
        ? ports[0]
        : ports.find(({ name = '' }) => name === '')
      : ports.find(({ name, port }) => name === asked || String(port) === asked);
  if (one === undefined) throw unavailable(`no service port "${asked}" found for service "${metadata.name}"`);
  return one;
}

/** Every ready address that answers for a port of this name, with the number it answers at. */
function answering(slices: readonly EndpointSlice[], portName: string): { host: string; port: number }[] {
  const isOurs = ({ name = '' }: DiscoveryEndpointPort): boolean => name === portName;
  return slices.flatMap(({ endpoints = [], ports = [], addressType }) => {
    const port = addressType === 'FQDN' ? undefined : ports.find(isOurs)?.port;
    if (port === undefined) return [];
    const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false);
    return ready.flatMap(({ addresses }) => addresses.slice(0, 1).map((host) => ({ host, port })));
  });
}

function serviceBackend({ lookup }: Reads, service: Service, { scheme, port, name }: Asked): Backend {
  const { name: portName = '' } = servicePort(service, port);
  const slices = lookup
    .list(endpointSlices, service.metadata.namespace)
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name);
  const all = answering(slices, portName);
  const chosen = all[Math.floor(Math.random() * all.length)];
  if (chosen === undefined) throw unavailable(`no endpoints available for service "${name}"`);
  return { ...chosen, scheme: scheme || 'http', kubelet: false };
}

/** The kubelet, or whatever else listens at the node's address. */
function nodeBackend(machinery: Reads, { scheme, port, name }: Asked): Backend {
  const kubelet = kubeletOf(machinery, name);
  const number = port === '' ? kubelet.port : portNumber(port);
  if (number === kubelet.port) return { ...kubelet, scheme: 'https', kubelet: true };
  return { host: kubelet.host, port: number, scheme: scheme || 'http', kubelet: false };
}

type Resolve = (machinery: Reads, namespace: string, asked: Asked) => Backend;

/** By resource; a row with the subresource `proxy` has its line here. */
const resolvers: Readonly<Record<string, Resolve>> = {
  [pods.resource]: ({ lookup }, namespace, asked) =>
    podBackend(found(lookup.get(pods, { namespace, name: asked.name }), pods, asked.name), asked),
  [services.resource]: (machinery, namespace, asked) => {
    const service = machinery.lookup.get(services, { namespace, name: asked.name });
    return serviceBackend(machinery, found(service, services, asked.name), asked);
  },
  [nodes.resource]: (machinery, _namespace, asked) => {
    found(machinery.lookup.get(nodes, { name: asked.name }), nodes, asked.name);
    return nodeBackend(machinery, asked);
  },
};

/**
 * Throws 400 for what cannot be understood or may not be reached: objects name their own addresses, and loopback and
 * link-local ones would lead to the server's own machine. 404 and 503 when there is nobody to answer.
 */
export function backendOf(
  machinery: Reads & Pick<Machinery, 'mayProxyTo'>,
  { resource, namespace, name }: ResourcePath,
): Backend {
  const resolve = resolvers[resource];
  if (resolve === undefined) throw badRequest(`${resource} cannot be proxied to`);
  const backend = resolve(machinery, namespace, parseAsked(name));
  const [refusal] = validateEndpointIP('', backend.host);
  if (refusal !== undefined && !machinery.mayProxyTo(backend.host)) throw badRequest('address not allowed');
  return backend;
}
