/** Ingresses: what is asked of an ingress controller. None runs here; the objects are for those that somebody brings. */
import { familyOf } from '../../../api/addresses.ts';
import { ingresses } from '../../../api/resources.ts';
import type { HTTPIngressPath, Ingress, IngressRule, IngressTLS } from '../../../api/types.gen.ts';
import type { FieldError, ResourceRow, Strategy } from '../../resource.ts';
import { validateIP } from '../../validation/addresses.ts';
import { invalid, invalidEach, notSupported, required } from '../../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../../validation/metadata.ts';
import { dnsSubdomain, nameIsSubdomain, wildcardSubdomain } from '../../validation/names.ts';
import { same } from '../../validation/same.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import { validateBackend } from './ingress-backend.ts';

/** Older than `ingressClassName`; the two may not contradict each other. */
export const classAnnotation = 'kubernetes.io/ingress.class';

const PATH_TYPES = ['Exact', 'ImplementationSpecific', 'Prefix'];
const REFUSED_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const REFUSED_ENDS = ['/..', '/.'];

function validatePathText({ path = '', pathType }: HTTPIngressPath, at: string): FieldError[] {
  const mayBeEmpty = pathType === 'ImplementationSpecific';
  if (mayBeEmpty && path === '') return [];
  const errors = path.startsWith('/') ? [] : [invalid(at, path, 'must be an absolute path')];
  if (mayBeEmpty) return errors;
  const sequences = REFUSED_SEQUENCES.filter((each) => path.includes(each));
  const ends = REFUSED_ENDS.filter((each) => path.endsWith(each));
  return [
    ...errors,
    ...invalidEach(
      at,
      path,
      sequences.map((each) => `must not contain '${each}'`),
    ),
    ...invalidEach(
      at,
      path,
      ends.map((each) => `cannot end with '${each}'`),
    ),
  ];
}

function validatePath(path: HTTPIngressPath, at: string): FieldError[] {
  const { pathType } = path;
  if (!pathType) return [required(`${at}.pathType`, 'pathType must be specified')];
  const known = PATH_TYPES.includes(pathType);
  return [
    ...(known ? validatePathText(path, `${at}.path`) : [notSupported(`${at}.pathType`, pathType, PATH_TYPES)]),
    ...validateBackend(path.backend, `${at}.backend`),
  ];
}

const hostErrors = (host: string): string[] => (host.includes('*') ? wildcardSubdomain(host) : dnsSubdomain(host));

function validateRule({ host = '', http }: IngressRule, at: string): FieldError[] {
  const isAddress = familyOf(host) !== undefined;
  const paths = http?.paths ?? [];
  return [
    ...(isAddress ? [invalid(`${at}.host`, host, 'must be a DNS name, not an IP address')] : []),
    ...(host === '' ? [] : invalidEach(`${at}.host`, host, hostErrors(host))),
    ...(http !== undefined && paths.length === 0 ? [required(`${at}.http.paths`)] : []),
    ...paths.flatMap((path, i) => validatePath(path, `${at}.http.paths[${i}]`)),
  ];
}

function validateTls({ hosts = [], secretName }: IngressTLS, at: string): FieldError[] {
  return [
    ...hosts.flatMap((host, i) => invalidEach(`${at}.hosts[${i}]`, host, hostErrors(host))),
    ...(secretName ? invalidEach(`${at}.secretName`, secretName, dnsSubdomain(secretName)) : []),
  ];
}

function validateSpec({ spec = {} }: Ingress): FieldError[] {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  const errors: FieldError[] = [];
  if (rules.length === 0 && defaultBackend === undefined) {
    errors.push(invalid('spec', spec.rules, 'either `defaultBackend` or `rules` must be specified'));
  }
  if (defaultBackend !== undefined) errors.push(...validateBackend(defaultBackend, 'spec.defaultBackend'));
  errors.push(...rules.flatMap((rule, i) => validateRule(rule, `spec.rules[${i}]`)));
  errors.push(...tls.flatMap((each, i) => validateTls(each, `spec.tls[${i}]`)));
  if (ingressClassName === undefined) return errors;
  return [...errors, ...invalidEach('spec.ingressClassName', ingressClassName, dnsSubdomain(ingressClassName))];
}

function validateClassAnnotation({ metadata, spec }: Ingress): FieldError[] {
  const annotation = metadata.annotations?.[classAnnotation];
  const name = spec?.ingressClassName;
  if (annotation === undefined || name === undefined || annotation === name) return [];
  const detail = 'must match `ingressClassName` when both are specified';
  return [invalid(`annotations.${classAnnotation}`, annotation, detail)];
}

/** Addresses that stood there already are not looked at again. */
function validateStatus({ status }: Ingress, old: Ingress): FieldError[] {
  const known = (old.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }, i) => {
    const at = `status.loadBalancer.ingress[${i}]`;
    const isAddress = hostname !== undefined && familyOf(hostname) !== undefined;
    return [
      ...(ip && !known.includes(ip) ? validateIP(`${at}.ip`, ip) : []),
      ...(hostname ? invalidEach(`${at}.hostname`, hostname, dnsSubdomain(hostname)) : []),
      ...(isAddress ? [invalid(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address')] : []),
    ];
  });
}

const strategy: Strategy<Ingress> = {
  prepareForCreate: (ingress) => {
    ingress.status = { loadBalancer: {} };
    ingress.metadata.generation = 1;
  },
  prepareForUpdate: (ingress, old) => {
    ingress.status = structuredClone(old.status) ?? { loadBalancer: {} };
    const changed = !same(ingress.spec, old.spec);
    ingress.metadata.generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
  },
  prepareForStatusUpdate: (ingress, old) => {
    ingress.spec = structuredClone(old.spec) ?? {};
  },
  validate: (ingress) => [
    ...validateMeta(ingress.metadata, true, nameIsSubdomain),
    ...validateSpec(ingress),
    ...validateClassAnnotation(ingress),
  ],
  validateUpdate: (ingress, old, { subresource }) => [
    ...validateMetaUpdate(ingress.metadata, old.metadata),
    ...(subresource === 'status' ? validateStatus(ingress, old) : []),
  ],
};

function hosts({ spec }: Ingress): string {
  const rules = spec?.rules ?? [];
  const named = rules.slice(0, 3).flatMap(({ host }) => (host ? [host] : []));
  if (named.length === 0) return '*';
  return rules.length > 3 ? `${named.join(',')} + ${rules.length - 3} more...` : named.join(',');
}

function addresses({ status }: Ingress): string {
  const all = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  return [...new Set(all)]
    .filter((each) => each !== '')
    .sort()
    .join(',');
}

export const ingressRow: ResourceRow<Ingress> = {
  type: ingresses,
  singular: 'ingress',
  shortNames: ['ing'],
  subresources: ['status'],
  columns: [
    nameColumn,
    column('Class', 'Who takes care of it.', ({ spec }) => spec?.ingressClassName ?? '<none>'),
    column('Hosts', 'Names that it answers for.', hosts),
    column('Address', 'Where it can be reached.', addresses),
    column('Ports', 'On which ports.', ({ spec }) => (spec?.tls?.length ? '80, 443' : '80')),
    ageColumn,
  ],
  strategy,
};
