/** Probes and lifecycle hooks. */
import type { Container, HTTPGetAction, IntOrString, LifecycleHandler, Probe } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { forbidden, invalid, invalidEach, nonNegative, notSupported, required } from '../../validation/field-error.ts';
import { headerName, portName, portNumber } from '../../validation/names.ts';

/** A port given by number or by name. */
export function validatePortOrName(path: string, port: IntOrString | undefined): FieldError[] {
  const value = port ?? 0;
  return invalidEach(path, value, typeof value === 'number' ? portNumber(value) : portName(value));
}

function validateHttpGet(action: HTTPGetAction, path: string): FieldError[] {
  const schemes = ['HTTP', 'HTTPS'];
  const errors: FieldError[] = action.path ? [] : [required(`${path}.path`)];
  errors.push(...validatePortOrName(`${path}.port`, action.port));
  if (!schemes.includes(action.scheme ?? '')) errors.push(notSupported(`${path}.scheme`, action.scheme ?? '', schemes));
  for (const { name } of action.httpHeaders ?? []) {
    errors.push(...invalidEach(`${path}.httpHeaders`, name, headerName(name)));
  }
  return errors;
}

type Handler = Probe & LifecycleHandler;

/** One row a kind of handler: of all of them exactly one may be set. */
const handlers: readonly {
  readonly field: 'exec' | 'httpGet' | 'tcpSocket' | 'grpc' | 'sleep';
  readonly validate: (handler: Handler, path: string, grace: number | undefined) => FieldError[];
}[] = [
  {
    field: 'exec',
    validate: (handler, path) => (handler.exec?.command?.length ? [] : [required(`${path}.command`)]),
  },
  {
    field: 'httpGet',
    validate: (handler, path) => (handler.httpGet === undefined ? [] : validateHttpGet(handler.httpGet, path)),
  },
  { field: 'tcpSocket', validate: (handler, path) => validatePortOrName(`${path}.port`, handler.tcpSocket?.port) },
  { field: 'grpc', validate: (handler, path) => validatePortOrName(`${path}.port`, handler.grpc?.port) },
  {
    field: 'sleep',
    validate: (handler, path, grace) => {
      const seconds = handler.sleep?.seconds ?? 0;
      if (grace === undefined || (seconds >= 0 && seconds <= grace)) return [];
      const detail = `must be non-negative and less than terminationGracePeriodSeconds (${grace})`;
      return [invalid(path, seconds, detail)];
    },
  },
];

function validateHandler(handler: Handler, path: string, grace: number | undefined): FieldError[] {
  const set = handlers.filter((row) => handler[row.field] !== undefined);
  const [first, ...others] = set;
  if (first === undefined) return [required(path, 'must specify a handler type')];
  return [
    ...first.validate(handler, `${path}.${first.field}`, grace),
    ...others.map((row) => forbidden(`${path}.${row.field}`, 'may not specify more than 1 handler type')),
  ];
}

type ProbeKind = 'livenessProbe' | 'readinessProbe' | 'startupProbe';

function validateProbe(kind: ProbeKind, probe: Probe, path: string, grace: number | undefined): FieldError[] {
  const errors = validateHandler(probe, path, grace);
  const counts = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const;
  for (const field of counts) errors.push(...nonNegative(`${path}.${field}`, probe[field]));
  const ownGrace = probe.terminationGracePeriodSeconds;
  if (ownGrace !== undefined && ownGrace <= 0) {
    errors.push(invalid(`${path}.terminationGracePeriodSeconds`, ownGrace, 'must be greater than 0'));
  }
  if (kind === 'readinessProbe' && ownGrace !== undefined) {
    const detail = 'must not be set for readinessProbes';
    errors.push(invalid(`${path}.terminationGracePeriodSeconds`, ownGrace, detail));
  }
  if (kind !== 'readinessProbe' && probe.successThreshold !== 1) {
    errors.push(invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1'));
  }
  return errors;
}

const probeKinds = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

/** The probes and hooks of a container that may have them. */
export function validateProbesAndHooks(container: Container, path: string, grace: number | undefined): FieldError[] {
  const errors: FieldError[] = [];
  for (const hook of ['postStart', 'preStop'] as const) {
    const handler = container.lifecycle?.[hook];
    if (handler !== undefined) errors.push(...validateHandler(handler, `${path}.lifecycle.${hook}`, grace));
  }
  for (const kind of probeKinds) {
    const probe = container[kind];
    if (probe !== undefined) errors.push(...validateProbe(kind, probe, `${path}.${kind}`, grace));
  }
  return errors;
}

/** Init containers that end have neither. */
export function forbidProbesAndHooks(container: Container, path: string): FieldError[] {
  const fields = ['lifecycle', ...probeKinds] as const;
  return fields
    .filter((field) => container[field] !== undefined)
    .map((field) => forbidden(`${path}.${field}`, 'may not be set for init containers without restartPolicy=Always'));
}
