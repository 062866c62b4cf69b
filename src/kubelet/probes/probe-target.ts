/** One attempt of one probe. */
import { connect } from 'node:net';
import type { Container, Probe } from '../../api/types.gen.ts';
import type { RuntimeService } from '../../runtime/contract.ts';
import { grpcHealth } from './grpc-health.ts';
import { portOf, sendGet, type HttpGet } from './http-get.ts';

export interface ProbeOutcome {
  readonly ok: boolean;
  /** Why not. */
  readonly output: string;
}

export interface ProbeTarget {
  readonly runtime: RuntimeService;
  readonly containerId: string;
  readonly container: Container;
  readonly podIP: string;
}

/** What is shown of an answer. */
const maxOutput = 1024;

function failed(output: string): ProbeOutcome {
  return { ok: false, output };
}

async function probeExec(
  command: readonly string[],
  seconds: number,
  { runtime, containerId }: ProbeTarget,
): Promise<ProbeOutcome> {
  const { exitCode, stdout, stderr } = await runtime.execSync(containerId, command, seconds);
  return { ok: exitCode === 0, output: `${stdout}${stderr}`.slice(0, maxOutput) };
}

function probeTcp(host: string, port: number, seconds: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: seconds * 1000 });
    const end = (outcome: ProbeOutcome): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once('connect', () => end({ ok: true, output: '' }));
    socket.once('timeout', () => end(failed(`dial tcp ${host}:${port}: i/o timeout`)));
    socket.once('error', (error) => end(failed(`dial tcp ${host}:${port}: ${error.message}`)));
  });
}

async function probeHttp(get: HttpGet, port: number, seconds: number, podIP: string): Promise<ProbeOutcome> {
  const code = await sendGet(get, { port, podIP, seconds, userAgent: 'kube-probe/1.36' });
  return code >= 200 && code < 400 ? { ok: true, output: '' } : failed(`HTTP probe failed with statuscode: ${code}`);
}

async function probeGrpc(
  { port, service = '' }: NonNullable<Probe['grpc']>,
  seconds: number,
  host: string,
): Promise<ProbeOutcome> {
  const status = await grpcHealth({ host, port, service, seconds });
  return status === 'SERVING' ? { ok: true, output: '' } : failed(`service unhealthy (responded with "${status}")`);
}

/** Never rejects: a probe that cannot be made has failed. */
export async function runProbe(probe: Probe, target: ProbeTarget): Promise<ProbeOutcome> {
  const seconds = Math.max(1, probe.timeoutSeconds ?? 1);
  const { exec, grpc, httpGet, tcpSocket } = probe;
  try {
    if (exec !== undefined) return await probeExec(exec.command ?? [], seconds, target);
    if (grpc !== undefined) return await probeGrpc(grpc, seconds, target.podIP);
    const wanted = httpGet?.port ?? tcpSocket?.port;
    const port = wanted === undefined ? undefined : portOf(target.container, wanted);
    if (port === undefined) return failed('the probe names no handler or port that is known');
    if (httpGet !== undefined) return await probeHttp(httpGet, port, seconds, target.podIP);
    return await probeTcp(tcpSocket?.host ?? target.podIP, port, seconds);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}
