/** What is asked of the server, counted under upstream's names. Labels are of rows and known words, never of what a client wrote. */
import type { ServerResponse } from 'node:http';
import { addProcess, createRegistry, type Labels } from '../../api/metrics-registry.ts';
import type { Registry } from '../storage/registry.ts';
import { verbOf, type Target } from './target.ts';

export interface RequestMetrics {
  /** Counts this request when its answer has gone; once, whatever it was. */
  follow(target: Target, response: ServerResponse): void;
  /** As `text/plain; version=0.0.4`. */
  text(): string;
}

/** In seconds: upstream's, without every other one. */
const buckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1, 1.5, 2, 3, 5, 8, 15, 30, 60];

/** Upstream counts by method, but for reads of many. */
const spelled: Readonly<Record<string, string>> = {
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
  connect: 'CONNECT',
};
const streams: ReadonlySet<string> = new Set(['log', 'exec', 'attach', 'portforward', 'proxy']);

function labelsOf(target: Target, registry: Registry): Labels {
  const path = target.resource;
  const row = path === undefined ? undefined : registry.find(path.group, path.version, path.resource);
  if (path === undefined || row === undefined)
    return { verb: spelled['get'] ?? '', group: '', version: '', resource: '' };
  const known = row.subresources.some((each) => each === path.subresource);
  const verb = streams.has(path.subresource) ? 'connect' : (verbOf(target, path) ?? '');
  const scope = path.name !== '' ? 'resource' : path.namespace !== '' ? 'namespace' : 'cluster';
  return {
    verb: spelled[verb] ?? '',
    group: path.group,
    version: path.version,
    resource: path.resource,
    subresource: known ? path.subresource : '',
    scope,
  };
}

export function createRequestMetrics(registry: Registry): RequestMetrics {
  const metrics = createRegistry();
  const total = metrics.counter('apiserver_request_total', 'Requests by verb, resource and code.');
  const duration = metrics.histogram(
    'apiserver_request_duration_seconds',
    'Time to the end of the answer, by verb and resource.',
    buckets,
  );
  const inflight = { mutating: 0, readOnly: 0 };
  const current = metrics.gauge('apiserver_current_inflight_requests', 'Requests under way, watches and streams too.');
  addProcess(metrics);
  return {
    follow: (target, response) => {
      const start = performance.now();
      const kind = target.method === 'GET' || target.method === 'HEAD' ? 'readOnly' : 'mutating';
      inflight[kind] += 1;
      response.once('close', () => {
        inflight[kind] -= 1;
        const labels = labelsOf(target, registry);
        total.inc({ ...labels, code: String(response.statusCode) });
        duration.observe((performance.now() - start) / 1000, labels);
      });
    },
    text: () => {
      for (const [request_kind, count] of Object.entries(inflight)) current.set(count, { request_kind });
      return metrics.text();
    },
  };
}
