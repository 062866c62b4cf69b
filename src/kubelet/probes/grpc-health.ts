/** The gRPC health check (grpc/grpc doc/health-checking.md), over HTTP/2 without TLS: one message there, one back. */
import { connect, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';

export interface HealthQuestion {
  readonly host: string;
  readonly port: number;
  /** Empty: the server as a whole. */
  readonly service: string;
  readonly seconds: number;
}

/** HealthCheckResponse.ServingStatus. */
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const maxAnswer = 1024;

/** A message in its frame: not compressed, its length in four bytes. */
function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** HealthCheckRequest: field 1 is the service. Throws for a name that two bytes of length cannot hold. */
function question(service: string): Buffer {
  const name = Buffer.from(service);
  const { length } = name;
  if (length >= 1 << 14) throw new Error('the name of the service is too long');
  if (length === 0) return frame(name);
  const prefix = length < 128 ? [length] : [(length & 127) | 128, length >> 7];
  return frame(Buffer.concat([Buffer.from([0x0a, ...prefix]), name]));
}

/** HealthCheckResponse: field 1 is the status, left out when it is 0. */
function statusOf(body: Buffer): string {
  const message = body.subarray(5);
  return statuses[message[0] === 0x08 ? (message[1] ?? 0) : 0] ?? 'UNKNOWN';
}

function ask(session: ClientHttp2Session, { host, port, service }: HealthQuestion): Promise<string> {
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
      [constants.HTTP2_HEADER_AUTHORITY]: `${host}:${port}`,
      'content-type': 'application/grpc',
      'user-agent': 'kube-probe/1.36',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let code: unknown;
    // A refusal has no body: then what else stands in the trailers comes with the headers.
    const note = (headers: IncomingHttpHeaders): void => void (code = headers['grpc-status'] ?? code);
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxAnswer) stream.close();
      else chunks.push(chunk);
    });
    stream.once('error', reject);
    stream.once('close', () =>
      code === '0' ? resolve(statusOf(Buffer.concat(chunks))) : reject(new Error(`gRPC status ${String(code)}`)),
    );
    stream.end(question(service));
  });
}

/** Resolves with the status that is told (`SERVING`, …); rejects when none is told in time. */
export async function grpcHealth(wanted: HealthQuestion): Promise<string> {
  const { host, port, seconds } = wanted;
  const session = connect(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
  const late = setTimeout(() => session.destroy(new Error(`no answer within ${seconds} s`)), seconds * 1000);
  try {
    return await ask(session, wanted);
  } finally {
    clearTimeout(late);
    session.destroy();
  }
}
