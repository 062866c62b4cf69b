/** The verbs of CNI over the pod network of this node. */
import type { Exec } from '../../kernel/exec.ts';
import { readLinks } from '../../kernel/ip.ts';
import { netnsPath } from '../../kernel/netns.ts';
import type { NodeNetwork, PodAttachment } from '../contract.ts';
import { podInterface, podNames } from '../names.ts';
import { CniError, cniCodes } from './errors.ts';
import {
  attachmentOf,
  attemptOf,
  firstCniAttempt,
  supportedVersions,
  type CniAttachment,
  type CniRequest,
} from './request.ts';
import { addResult } from './result.ts';

export interface CniGround {
  readonly exec: Exec;
  readonly network: Pick<NodeNetwork, 'ready' | 'setUp' | 'tearDown' | 'attachments'>;
}

const notReady = 'the pod network is not ready: the node has no pod CIDR yet';

async function add({ network }: CniGround, request: CniRequest): Promise<string> {
  const { pod, netns = '' } = attachmentOf(request);
  if (!network.ready) throw new CniError(cniCodes.tryAgainLater, notReady);
  await network.setUp({ ...pod, netns });
  return addResult(request.config.cniVersion, attachmentFor(network, pod), netns);
}

function attachmentFor(network: CniGround['network'], { uid, attempt }: CniAttachment['pod']): PodAttachment {
  const found = network.attachments().find((one) => one.uid === uid && one.attempt === attempt);
  if (found === undefined) throw new CniError(cniCodes.unknownContainer, `the network knows no pod ${uid}`);
  return found;
}

async function del({ network }: CniGround, request: CniRequest): Promise<string> {
  await network.tearDown(attachmentOf(request).pod);
  return '';
}

/** The node's end, and the pod's with its addresses; what a runtime remembers must be what we know. */
async function check({ exec, network }: CniGround, request: CniRequest): Promise<string> {
  const { pod, netns = '' } = attachmentOf(request);
  if (request.config.prevResult === undefined) throw new CniError(cniCodes.invalidConfig, 'CHECK needs prevResult');
  const { addresses, link } = attachmentFor(network, pod);
  const failed = (message: string): CniError =>
    new CniError(cniCodes.checkFailed, `${pod.namespace}/${pod.name}: ${message}`);
  const wanted = addresses.map(({ ip, prefixLength }) => `${ip}/${prefixLength}`);
  const remembered = (request.config.prevResult.ips ?? []).map(({ address }) => address);
  const foreign = remembered.find((address) => address === undefined || !wanted.includes(address));
  if (foreign !== undefined) throw failed(`prevResult has ${foreign}, the pod has ${wanted.join(', ')}`);
  const [links, inside] = await Promise.all([readLinks(exec), readLinks(exec, netnsPath(podNames(pod).netns))]);
  if (links.find(({ name }) => name === link)?.up !== true) throw failed(`link ${link} of the node is gone or down`);
  const own = inside.find(({ name }) => name === podInterface);
  if (own?.up !== true) throw failed(`${podInterface} in ${netns} is gone or down`);
  const there = new Set(own.addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`));
  const missing = wanted.find((address) => !there.has(address));
  if (missing !== undefined) throw failed(`${podInterface} in ${netns} has lost ${missing}`);
  return '';
}

async function status({ network }: CniGround): Promise<string> {
  if (!network.ready) throw new CniError(cniCodes.notAvailable, notReady);
  return '';
}

/** Takes away what was made by CNI and is in use no longer. */
async function collect({ network }: CniGround, { config }: CniRequest): Promise<string> {
  const valid = config['cni.dev/valid-attachments'];
  if (!Array.isArray(valid)) throw new CniError(cniCodes.invalidConfig, 'GC needs cni.dev/valid-attachments');
  const inUse = new Set(valid.map(({ containerID }: { containerID: string }) => attemptOf(String(containerID))));
  const over = network.attachments().filter(({ attempt }) => attempt >= firstCniAttempt && !inUse.has(attempt));
  await Promise.all(over.map(({ uid, attempt }) => network.tearDown({ namespace: '', name: '', uid, attempt })));
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
