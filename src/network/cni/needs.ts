/** What a runtime asks of the network besides an address: the capabilities that our configuration names (CNI conventions, "runtimeConfig"). Pure; input is hostile. */
import { parseIP } from '../../api/addresses.ts';
import type { HostPort, PodBandwidth, PodNeeds } from '../contract.ts';
import { CniError, cniCodes } from './errors.ts';
import type { CniConfig } from './request.ts';

/** What `capabilities` of our part of the configuration says, so that a runtime passes it on. */
export const capabilities = { portMappings: true, bandwidth: true } as const;

/** Each is a rule a family that every packet to the node may walk by. */
const maxPorts = 1024;
const protocols = ['TCP', 'UDP', 'SCTP'];

const invalid = (what: string): CniError => new CniError(cniCodes.invalidConfig, `runtimeConfig.${what}`.slice(0, 200));

function portOf(value: unknown, name: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 65_535)
    throw invalid(`portMappings: ${name} is no port`);
  return value;
}

/** Go reads names of fields in any case, and containerd writes `HostPort` where the convention has `hostPort`. */
function inLowerCase(entry: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(entry).map(([key, value]) => [key.toLowerCase(), value as unknown]));
}

function hostPortOf(entry: unknown): HostPort {
  if (typeof entry !== 'object' || entry === null) throw invalid('portMappings: an entry is no object');
  const { hostport, containerport, protocol = 'tcp', hostip: hostIP = '' } = inLowerCase(entry);
  const upper = String(protocol).toUpperCase();
  if (!protocols.includes(upper))
    throw invalid(`portMappings: protocol ${upper} is not one of ${protocols.join(', ')}`);
  if (typeof hostIP !== 'string' || (hostIP !== '' && parseIP(hostIP) === undefined))
    throw invalid('portMappings: hostIP is no address');
  return {
    hostIP,
    hostPort: portOf(hostport, 'hostPort'),
    containerPort: portOf(containerport, 'containerPort'),
    protocol: upper,
  };
}

function hostPortsOf(mappings: unknown): Pick<PodNeeds, 'hostPorts'> {
  if (!Array.isArray(mappings)) throw invalid('portMappings is no list');
  if (mappings.length > maxPorts) throw invalid(`portMappings: more than ${maxPorts}`);
  const hostPorts = mappings.map(hostPortOf).filter(({ hostPort }) => hostPort > 0);
  return hostPorts.length === 0 ? {} : { hostPorts };
}

/** Bits a second; the bounds are those of a pod's annotations. How much may pass at once is ours to choose. */
const [minRate, maxRate] = [1e3, 1e15];

function rateOf(value: unknown, direction: keyof PodBandwidth): PodBandwidth {
  if (value === undefined || value === 0) return {};
  if (typeof value !== 'number' || !(value >= minRate && value <= maxRate))
    throw invalid(`bandwidth: ${direction}Rate is not between 1 kbit and 1 Pbit a second`);
  return { [direction]: Math.floor(value) };
}

function bandwidthOf(limits: unknown): Pick<PodNeeds, 'bandwidth'> {
  if (typeof limits !== 'object' || limits === null) throw invalid('bandwidth is no object');
  const { ingressrate, egressrate } = inLowerCase(limits);
  const bandwidth = { ...rateOf(ingressrate, 'ingress'), ...rateOf(egressrate, 'egress') };
  return Object.keys(bandwidth).length === 0 ? {} : { bandwidth };
}

/** Throws a CniError for what can be none. Host port 0 and rate 0 ask for nothing: runtimes list every port of a pod. */
export function needsOf({ runtimeConfig }: CniConfig): PodNeeds {
  const { portMappings = [], bandwidth = {} } = runtimeConfig ?? {};
  return { ...hostPortsOf(portMappings), ...bandwidthOf(bandwidth) };
}
