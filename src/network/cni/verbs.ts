/** The verbs of CNI over the pod network of this node. */
import type { Exec } from '../../kernel/exec.ts';
import { readLinks } from '../../kernel/ip.ts';
import { NetnsError } from '../../kernel/netns.ts';
import type { NodeNetwork, PodAttachment, PodIdentity } from '../contract.ts';
import { bridgeName, podInterface } from '../names.ts';
import { routedAddresses, whatChanged } from './check.ts';
import { CniError, cniCodes } from './errors.ts';
import type { CniMemory } from './memory.ts';
import { needsOf } from './needs.ts';
import {
  attachmentOf,
  attemptOf,
  firstCniAttempt,
  supportedVersions,
  type CniAttachment,
  type CniRequest,
  type ValidAttachment,
} from './request.ts';
import { addResult } from './result.ts';

export interface CniGround {
  readonly exec: Exec;
  readonly network: Pick<NodeNetwork, 'ready' | 'setUp' | 'tearDown' | 'attachments'>;
  readonly memory: CniMemory;
}

const notReady = 'the pod network is not ready: the node has no pod CIDR yet';

/** What is remembered is on disk before the runtime hears of it. */
async function add({ exec, network, memory }: CniGround, request: CniRequest): Promise<string> {
  const { pod, netns = '' } = attachmentOf(request);
  const needs = needsOf(request.config);
  if (!network.ready) throw new CniError(cniCodes.tryAgainLater, notReady);
  const { ips } = await network.setUp({ ...pod, netns }, needs).catch((error: unknown) => {
    throw error instanceof NetnsError ? new CniError(cniCodes.invalidNamespace, error.message) : error;
  });
  await memory.remember({ ...pod, netns, ips, needs });
  const attachment = attachmentFor(network, pod);
  const isFirst = attachment.ifname === podInterface;
  const routed = isFirst ? attachment.addresses : await routedAddresses(exec, attachment);
  return addResult(request.config.cniVersion, attachment, netns, routed);
}

function attachmentFor(network: CniGround['network'], { uid, attempt }: CniAttachment['pod']): PodAttachment {
  const found = network.attachments().find((one) => one.uid === uid && one.attempt === attempt);
  if (found === undefined) throw new CniError(cniCodes.unknownContainer, `the network knows no pod ${uid}`);
  return found;
}

async function takeAway({ network, memory }: CniGround, pod: PodIdentity): Promise<void> {
  await network.tearDown(pod);
  await memory.forget(pod);
}

async function del(ground: CniGround, request: CniRequest): Promise<string> {
  await takeAway(ground, attachmentOf(request).pod);
  return '';
}

async function check({ exec, network }: CniGround, request: CniRequest): Promise<string> {
  const { pod } = attachmentOf(request);
  if (request.config.prevResult === undefined) throw new CniError(cniCodes.invalidConfig, 'CHECK needs prevResult');
  const changed = await whatChanged(exec, request.config, attachmentFor(network, pod));
  if (changed !== undefined) throw new CniError(cniCodes.checkFailed, `${pod.namespace}/${pod.name}: ${changed}`);
  return '';
}

async function status({ exec, network }: CniGround): Promise<string> {
  if (!network.ready) throw new CniError(cniCodes.notAvailable, notReady);
  const bridge = (await readLinks(exec)).find(({ name }) => name === bridgeName);
  if (bridge?.up !== true)
    throw new CniError(cniCodes.limitedConnectivity, `${bridgeName} is gone or down; within 30 s it is put back`);
  return '';
}

/** Takes away what was made by CNI and is in use no longer. */
async function collect(ground: CniGround, { config }: CniRequest): Promise<string> {
  const valid = config['cni.dev/valid-attachments'];
  if (!Array.isArray(valid)) throw new CniError(cniCodes.invalidConfig, 'GC needs cni.dev/valid-attachments');
  const numberOf = ({ containerID, ifname = podInterface }: ValidAttachment): number =>
    attemptOf(String(containerID), String(ifname));
  const inUse = new Set(valid.map(numberOf));
  const over = ground.network.attachments().filter(({ attempt }) => attempt >= firstCniAttempt && !inUse.has(attempt));
  await Promise.all(over.map(({ uid, attempt }) => takeAway(ground, { namespace: '', name: '', uid, attempt })));
  return '';
}

async function version(_ground: CniGround, { config }: CniRequest): Promise<string> {
  return JSON.stringify({ cniVersion: config.cniVersion, supportedVersions });
}

const verbs = { ADD: add, DEL: del, CHECK: check, STATUS: status, GC: collect, VERSION: version } as const;

/** What goes to standard output. Rejects with a CniError, or with what the kernel said. */
export function carryOut(ground: CniGround, request: CniRequest): Promise<string> {
  return verbs[request.command](ground, request);
}
