/** A lab: a whole cluster on one machine, its nodes made of namespaces. */
export {
  checkLabName,
  defaultConfig,
  internetChoices,
  kubeProxyModes,
  LabError,
  machineNamed,
  nodeNames,
  outsideAddress,
  type Internet,
  type KubeProxyMode,
  type LabConfig,
} from './config.ts';
export { parseConfigFile } from './config-file.ts';
export { createLab, type Lab, type MachineStatus } from './lab.ts';
export { labNames, readLabFile, requireLabFile } from './lab-file.ts';
export { imageFolder, labPlaces, machinePlaces } from './places.ts';
export { waitForNodes } from './ready.ts';
export { podwireServices, type Program } from './services.ts';
