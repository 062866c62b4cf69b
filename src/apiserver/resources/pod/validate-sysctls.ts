/** Kernel settings of a pod: names as sysctl(8) writes them, with dots or slashes, each once. */
import type { PodSpec } from '../../../api/types.gen.ts';
import type { FieldError } from '../../resource.ts';
import { duplicate, invalid, required } from '../../validation/field-error.ts';

const segment = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const pattern = `^(${segment}[\\./])*${segment}$`;
const maxLength = 253;

/** Upstream's rule and words (pkg/apis/core/validation). Whether a node sets it is for the node to say. */
export function validateSysctls(spec: PodSpec, path: string): FieldError[] {
  const sysctls = spec.securityContext?.sysctls ?? [];
  return sysctls.flatMap(({ name }, index) => {
    const field = `${path}[${index}].name`;
    if (name === '') return [required(field)];
    if (name.length > maxLength || !new RegExp(pattern).test(name))
      return [invalid(field, name, `must have at most ${maxLength} characters and match regex ${pattern}`)];
    return sysctls.findIndex((other) => other.name === name) === index ? [] : [duplicate(field, name)];
  });
}
