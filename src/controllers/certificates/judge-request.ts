/** May this certificate be given without asking a person? Pure: the request as it was read, and what the API knows of its node. */
import { findCondition } from '../../api/conditions.ts';
import type { CertificateSigningRequest, Node } from '../../api/types.gen.ts';
import type { CertificateWish } from '../../pki/index.ts';

export const kubeletClient = 'kubernetes.io/kube-apiserver-client-kubelet';
export const kubeletServing = 'kubernetes.io/kubelet-serving';

/** What a request is judged by. */
export interface Circumstances {
  readonly nodes: readonly Node[];
  /** Whether the API server is called by this name or address. */
  readonly isApiServer: (name: string) => boolean;
}

export type Verdict =
  /** Approved, if its sender has this right (a subresource of certificatesigningrequests). */
  | { readonly kind: 'ask'; readonly right: 'nodeclient' | 'selfnodeclient'; readonly message: string }
  | { readonly kind: 'approve'; readonly message: string }
  | { readonly kind: 'deny'; readonly message: string }
  /** Judged again when a Node has changed. */
  | { readonly kind: 'wait'; readonly message: string };

const controlPlaneLabel = 'node-role.kubernetes.io/control-plane';
const prefix = 'system:node:';

const deny = (message: string): Verdict => ({ kind: 'deny', message });
const wait = (message: string): Verdict => ({ kind: 'wait', message });

/** Why a request is not one that a kubelet makes; undefined when it is. The signers keep to the same. */
export function formProblem(signerName: string, wish: CertificateWish, usages: readonly string[]): string | undefined {
  const { commonName, organizations, dnsNames, ipAddresses, others } = wish;
  const purpose = signerName === kubeletServing ? 'server auth' : 'client auth';
  const allowed = ['key encipherment', 'digital signature', purpose];
  if (!commonName.startsWith(prefix) || commonName === prefix) return 'its common name is not system:node:NAME';
  if (organizations.join() !== 'system:nodes') return 'its organization is not system:nodes alone';
  if (!usages.includes(purpose)) return `its usages are without ${purpose}`;
  const other = usages.find((usage) => !allowed.includes(usage));
  if (other !== undefined) return `its usages have ${other}`;
  if (others.length > 0) return `it asks for ${others[0]}`;
  const named = dnsNames.length + ipAddresses.length;
  if (purpose === 'client auth') return named === 0 ? undefined : 'it asks for names or addresses';
  return named === 0 ? 'it asks for neither a name nor an address' : undefined;
}

/** Undefined: none of our business, a person decides. */
export function judge(
  { spec }: CertificateSigningRequest,
  wish: CertificateWish,
  circumstances: Circumstances,
): Verdict | undefined {
  const { signerName, usages = [], username = '', groups = [] } = spec;
  if (signerName !== kubeletClient && signerName !== kubeletServing) return undefined;
  if (formProblem(signerName, wish, usages) !== undefined) return undefined;
  const isOwn = wish.commonName === username && groups.includes('system:nodes');
  const name = wish.commonName.slice(prefix.length);
  const node = circumstances.nodes.find(({ metadata }) => metadata.name === name);
  if (signerName === kubeletServing) return isOwn ? judgeServing(wish, name, { ...circumstances, node }) : undefined;
  if (isOwn) return { kind: 'ask', right: 'selfnodeclient', message: 'a node renews its own certificate' };
  if (findCondition(node?.status?.conditions, 'Ready')?.status === 'True') {
    return deny(`node ${name} is Ready: a machine of that name lives. Choose another name, or let it leave first`);
  }
  return { kind: 'ask', right: 'nodeclient', message: 'a machine joins' };
}

const addressTypes: ReadonlySet<string> = new Set(['InternalIP', 'ExternalIP']);
const addressesOf = ({ status }: Node): readonly string[] =>
  (status?.addresses ?? []).filter(({ type }) => addressTypes.has(type)).map(({ address }) => canonical(address));

/** IPv6 addresses in one form, however they are written. */
function canonical(address: string): string {
  if (!address.includes(':')) return address;
  const url = URL.parse(`http://[${address}]`);
  return url?.hostname.slice(1, -1) ?? address;
}

/** A node tells its addresses itself: nobody else's and not the API server's, or it could pass for them. */
function judgeServing(
  { dnsNames, ipAddresses }: CertificateWish,
  name: string,
  { node, nodes, isApiServer }: Circumstances & { readonly node: Node | undefined },
): Verdict {
  if (node === undefined) return wait(`there is no Node ${name} yet`);
  const mayBeApiServer = node.metadata.labels?.[controlPlaneLabel] !== undefined;
  const foreign = [...dnsNames, ...ipAddresses].find((each) => isApiServer(each) && !mayBeApiServer);
  if (foreign !== undefined)
    return deny(`${foreign} is the API server's, and node ${name} has no label ${controlPlaneLabel}`);
  const otherName = dnsNames.find((each) => each !== name);
  if (otherName !== undefined) return deny(`${otherName} is not the name of node ${name}`);
  const own = addressesOf(node);
  const wanted = ipAddresses.map(canonical);
  const unknown = wanted.find((address) => !own.includes(address));
  if (unknown !== undefined) return wait(`${unknown} is no address of Node ${name}`);
  const other = nodes.find((each) => each !== node && addressesOf(each).some((address) => wanted.includes(address)));
  if (other !== undefined) return wait(`Node ${other.metadata.name} has one of these addresses too`);
  return { kind: 'approve', message: `names and addresses of Node ${name}` };
}
