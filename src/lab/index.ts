/** A lab: a whole cluster on one machine, its nodes made of namespaces. */
export {
  checkLabName,
  clusterDomain,
  defaultConfig,
  dnsAddress,
  internetChoices,
  onOff,
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
  type OnOff,
  type PodNetwork,
} from './config.ts';
export { parseConfigFile } from './config-file.ts';
export { given } from './given.ts';
export { createLab, type Lab, type LabOptions, type MachineStatus } from './lab.ts';
export { labNames, readLabFile, requireLabFile } from './lab-file.ts';
export { imageFolder, labPlaces, machinePlaces } from './places.ts';
export { waitForNodes } from './ready.ts';
export { podwireServices, type Program } from './services.ts';
