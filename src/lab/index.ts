/** A lab: a whole cluster on one machine, its nodes made of namespaces. */
export { checkConfig, checkLabName, defaultConfig, LabError, machineNamed, machinesOf, nodeNames } from './config.ts';
export { controlPlaneName, type LabConfig, type Machine } from './config.ts';
export { imageFolder, labPlaces, labsFolder, machinePlaces } from './places.ts';
export { labNames, readLabFile, requireLabFile, type LabFile } from './lab-file.ts';
export { podwireServices, type Program, type ServicesOf } from './services.ts';
export { createLab, type Lab, type LabOptions, type LabStatus, type MachineStatus } from './lab.ts';
export { waitForNodes, type ReadyWait } from './ready.ts';
