/** `pods/log`: the kubelet's stream, passed on. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { apiError } from '../../api/errors.ts';
import type { Machinery } from '../machinery.ts';
import type { Reply, ResourceRequest } from '../request.ts';
import { containerOf, kubeletOf, podOf } from './target.ts';

/** Options that the kubelet knows by the same name. */
const passedOn = ['follow', 'previous', 'timestamps', 'sinceSeconds', 'sinceTime', 'tailLines', 'limitBytes', 'stream'];

const maxErrorBytes = 64 * 1024;

/** What a kubelet said that did not answer 200. */
export async function kubeletRefusal(response: IncomingMessage): Promise<Error> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxErrorBytes) break;
    chunks.push(chunk);
  }
  const code = response.statusCode ?? 500;
  const reasons: Readonly<Record<number, string>> = { 400: 'BadRequest', 403: 'Forbidden', 404: 'NotFound' };
  const message = Buffer.concat(chunks).toString().trim() || `the kubelet answered ${code}`;
  return apiError({ code, reason: reasons[code] ?? 'InternalError', message });
}

/** The kubelet's stream; undefined for a pod without a node: nothing runs yet, so nothing was said. Rejects with what is to be answered. */
export async function openLog(
  machinery: Machinery,
  request: ResourceRequest,
  signal: AbortSignal,
): Promise<IncomingMessage | undefined> {
  const pod = podOf(machinery, request);
  const container = containerOf(pod, request.query.get('container'));
  const nodeName = pod.spec?.nodeName ?? '';
  if (nodeName === '') return undefined;
  const query = new URLSearchParams();
  for (const name of passedOn) for (const value of request.query.getAll(name)) query.append(name, value);
  const { namespace, name } = request.path;
  const path = `/containerLogs/${namespace}/${name}/${container}?${query.toString()}`;
  const stream = await machinery.kubelets.get(kubeletOf(machinery, nodeName), path, signal);
  if (stream.statusCode !== 200) throw await kubeletRefusal(stream);
  return stream;
}

export async function readLog(
  machinery: Machinery,
  request: ResourceRequest,
  response: ServerResponse,
): Promise<Reply | void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const stream = await openLog(machinery, request, gone.signal);
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' });
  if (stream === undefined) {
    response.end();
    return;
  }
  response.flushHeaders();
  // A client that leaves, or a kubelet that breaks off, ends the reply: there is nobody to tell.
  await pipeline(stream, response).catch(() => undefined);
}
