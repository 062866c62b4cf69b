/** A lab: a whole cluster on one machine, its nodes made of namespaces. */
export {
  checkLabName,
  clusterDomain,
  defaultConfig,
  internetChoices,
  dnsChoices,
  kubeProxyModes,
  defaultNodeMonitorGraceSeconds,
  LabError,
  machineNamed,
  nodeNames,
  outsideAddress,
  podNetworks,
  type Internet,
  type KubeProxyMode,
  type LabConfig,
  type DnsChoice,
  type PodNetwork,
  type WantedLab,
} from './config.ts';
export { parseConfigFile } from './config-file.ts';
export { dnsAddresses, outsideAddress6, podCIDRs, serviceCIDRs } from './families.ts';
export { given } from './given.ts';
export { ipFamilies, type IpFamily } from './ipv6-ranges.ts';
export { createLab, type Lab, type LabOptions, type MachineStatus } from './lab.ts';
export { labNames, readLabFile, requireLabFile } from './lab-file.ts';
export { imageFolder, labPlaces, machinePlaces } from './places.ts';
export { waitForNodes } from './ready.ts';
export { podwireServices, type Program } from './services.ts';
export { wantedRanges } from './wanted-ranges.ts';
