/** Where an Ingress sends what it takes in: a Service's port, or some other object. */
import type { IngressBackend, IngressServiceBackend } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { invalid, invalidEach, required } from '../../validation/field-error.ts';
import { dnsLabel, portName, portNumber } from '../../validation/names.ts';
import { validateGroup, validateSegment } from './references.ts';

function validateService(
  { name, port: { name: port, number } = {} }: IngressServiceBackend,
  path: string,
): FieldError[] {
  const errors = name ? invalidEach(`${path}.service.name`, name, dnsLabel(name)) : [required(`${path}.service.name`)];
  if (port && number) return [...errors, invalid(path, '', 'cannot set both port name & port number')];
  if (port) return [...errors, ...invalidEach(`${path}.service.port.name`, port, portName(port))];
  if (number) return [...errors, ...invalidEach(`${path}.service.port.number`, number, portNumber(number))];
  return [...errors, required(path, 'port name or number is required')];
}

export function validateBackend({ service, resource }: IngressBackend, path: string): FieldError[] {
  if (service !== undefined && resource !== undefined) {
    return [invalid(path, '', 'cannot set both resource and service backends')];
  }
  if (service !== undefined) return validateService(service, path);
  if (resource === undefined) return [invalid(path, '', 'resource or service backend is required')];
  return [
    ...validateGroup(`${path}.resource.apiGroup`, resource.apiGroup),
    ...validateSegment(`${path}.resource.kind`, resource.kind),
    ...validateSegment(`${path}.resource.name`, resource.name),
  ];
}
