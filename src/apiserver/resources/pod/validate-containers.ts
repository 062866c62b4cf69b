/** Containers and init containers. */
import type { Container, ContainerPort, PodSpec, SecurityContext } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { duplicate, invalid, invalidEach, oneOf, required } from '../../validation/field-error.ts';
import { dnsLabel, portName, portNumber } from '../../validation/names.ts';
import { forbidProbesAndHooks, validateProbesAndHooks } from './validate-handlers.ts';
import { validateEnv, validateEnvFrom } from './validate-references.ts';
import { validateResources } from './resources.ts';
import { validateMounts } from './validate-volumes.ts';

/** Protocols of ports, in pods, Services and endpoints. */
export const PROTOCOLS: readonly string[] = ['SCTP', 'TCP', 'UDP'];

function validatePort(port: ContainerPort, names: Set<string>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (port.name) {
    const wrong = portName(port.name);
    errors.push(...invalidEach(`${path}.name`, port.name, wrong));
    if (names.has(port.name)) errors.push(duplicate(`${path}.name`, port.name));
    if (wrong.length === 0) names.add(port.name);
  }
  if (!port.containerPort) errors.push(required(`${path}.containerPort`));
  else errors.push(...invalidEach(`${path}.containerPort`, port.containerPort, portNumber(port.containerPort)));
  if (port.hostPort) errors.push(...invalidEach(`${path}.hostPort`, port.hostPort, portNumber(port.hostPort)));
  return [...errors, ...oneOf(`${path}.protocol`, port.protocol, PROTOCOLS)];
}

function validatePorts(ports: readonly ContainerPort[] | undefined, path: string): FieldError[] {
  const names = new Set<string>();
  return (ports ?? []).flatMap((port, i) => validatePort(port, names, `${path}[${i}]`));
}

const ID_RANGE = 'must be between 0 and 2147483647, inclusive';

/** User and group numbers. */
export function validateId(path: string, id: number | undefined): FieldError[] {
  return id !== undefined && (id < 0 || id > 0x7fffffff) ? [invalid(path, id, ID_RANGE)] : [];
}

function validateSecurity(context: SecurityContext | undefined, path: string): FieldError[] {
  if (context === undefined) return [];
  const errors = [
    ...validateId(`${path}.runAsUser`, context.runAsUser),
    ...validateId(`${path}.runAsGroup`, context.runAsGroup),
  ];
  if (context.allowPrivilegeEscalation !== false) return errors;
  if (context.privileged === true) {
    const detail = 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true';
    errors.push(invalid(path, context, detail));
  }
  if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
    const detail = 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN';
    errors.push(invalid(path, context, detail));
  }
  return errors;
}

function validateCommon(container: Container, volumes: ReadonlySet<string>, path: string): FieldError[] {
  return [
    ...(container.name
      ? invalidEach(`${path}.name`, container.name, dnsLabel(container.name))
      : [required(`${path}.name`)]),
    ...(container.image ? [] : [required(`${path}.image`)]),
    ...oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError']),
    ...validatePorts(container.ports, `${path}.ports`),
    ...validateEnv(container.env, `${path}.env`),
    ...validateEnvFrom(container.envFrom, `${path}.envFrom`),
    ...validateMounts(container, volumes, `${path}.volumeMounts`),
    ...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ...validateResources(container.resources, `${path}.resources`),
    ...validateSecurity(container.securityContext, `${path}.securityContext`),
  ];
}

function hostPortConflicts(containers: readonly Container[], path: (index: number) => string): FieldError[] {
  const taken = new Set<string>();
  return containers.flatMap((container, c) =>
    (container.ports ?? []).flatMap((port, p) => {
      if (!port.hostPort) return [];
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`;
      const error = duplicate(`${path(c)}.ports[${p}].hostPort`, key);
      const conflict = taken.has(key);
      taken.add(key);
      return conflict ? [error] : [];
    }),
  );
}

const RESTARTS = ['Always', 'Never', 'OnFailure'];

function restartErrors(container: Container, path: string): FieldError[] {
  return container.restartPolicy === undefined ? [] : oneOf(`${path}.restartPolicy`, container.restartPolicy, RESTARTS);
}

/** The pod's containers. */
export function validateContainers(spec: PodSpec, volumes: ReadonlySet<string>, path: string): FieldError[] {
  if (spec.containers.length === 0) return [required(path)];
  const names = new Set<string>();
  const errors = spec.containers.flatMap((container, i) => {
    const at = `${path}[${i}]`;
    const found = validateCommon(container, volumes, at);
    if (names.has(container.name)) found.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    found.push(...validateProbesAndHooks(container, at, spec.terminationGracePeriodSeconds));
    return [...found, ...restartErrors(container, at)];
  });
  return [...errors, ...hostPortConflicts(spec.containers, (i) => `${path}[${i}]`)];
}

/** The pod's init containers; those with restartPolicy Always are sidecars and may have probes. */
export function validateInitContainers(spec: PodSpec, volumes: ReadonlySet<string>, path: string): FieldError[] {
  const names = new Set(spec.containers.map((container) => container.name));
  return (spec.initContainers ?? []).flatMap((container, i) => {
    const at = `${path}[${i}]`;
    const errors = [...validateCommon(container, volumes, at), ...restartErrors(container, at)];
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    else if (container.name) names.add(container.name);
    errors.push(...hostPortConflicts([container], () => at));
    if (container.restartPolicy !== 'Always') return [...errors, ...forbidProbesAndHooks(container, at)];
    return [...errors, ...validateProbesAndHooks(container, at, spec.terminationGracePeriodSeconds)];
  });
}
