/** CertificateSigningRequests: who asks is written by the server; approval and certificate come by subresources (KEP-1513). */
import { certificateSigningRequests } from '../../api/resources.ts';
import { formatTime } from '../../api/time.ts';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  CertificateSigningRequestSpec,
} from '../../api/types.gen.ts';
import type { FieldError, ResourceRow, StrategyContext } from '../resource.ts';
import { duplicate, forbidden, immutable, invalid, notSupported, required } from '../validation/field-error.ts';
import { validateMeta, validateMetaUpdate } from '../validation/metadata.ts';
import { dnsSubdomain, nameIsSubdomain } from '../validation/names.ts';
import { same } from '../validation/same.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { humanDuration } from './human-duration.ts';

type Request = CertificateSigningRequest;
type Condition = CertificateSigningRequestCondition;

const minSeconds = 600;
/** A request of a 4,096-bit key with a dozen names is 2 KiB. */
const maxRequestBytes = 64 * 1024;
const verdicts: ReadonlySet<string> = new Set(['Approved', 'Denied']);

const usages: readonly string[] = [
  ...['signing', 'digital signature', 'content commitment', 'key encipherment', 'key agreement', 'data encipherment'],
  ...['cert sign', 'crl sign', 'encipher only', 'decipher only', 'any', 'server auth', 'client auth', 'code signing'],
  ...['email protection', 's/mime', 'ipsec end system', 'ipsec tunnel', 'ipsec user', 'timestamping', 'ocsp signing'],
  ...['microsoft sgc', 'netscape sgc'],
];

const conditionsOf = ({ status }: Request): readonly Condition[] => status?.conditions ?? [];
const verdictsOf = (request: Request): readonly Condition[] =>
  conditionsOf(request).filter(({ type }) => verdicts.has(type));

/** Whether a text is one PEM block of this label with one DER sequence in it. What it says is read by who approves and signs. */
function isPem(text: string, label: string): boolean {
  const [, inside = ''] =
    new RegExp(`^\\s*-----BEGIN ${label}-----\\s+([^-]+)-----END ${label}-----\\s*$`).exec(text) ?? [];
  const der = Buffer.from(inside, 'base64');
  const [tag = 0, size = 0] = der;
  if (tag !== 0x30) return false;
  const lengthBytes = size < 0x80 ? 0 : size & 0x7f;
  if (lengthBytes > 4 || der.length < 2 + lengthBytes) return false;
  const length = lengthBytes === 0 ? size : der.readUIntBE(2, lengthBytes);
  return der.length === 2 + lengthBytes + length;
}

function validateSignerName(name: string): FieldError[] {
  const path = 'spec.signerName';
  if (name === '') return [required(path)];
  const [domain = '', rest = '', ...more] = name.split('/');
  if (more.length > 0 || rest === '' || !domain.includes('.')) {
    return [invalid(path, name, 'must be a fully qualified domain and path of the form "example.com/signer-name"')];
  }
  const wrong = [...dnsSubdomain(domain), ...rest.split('.').flatMap((part) => dnsSubdomain(part))];
  return wrong.map((why) => invalid(path, name, why));
}

function validateUsages(wanted: readonly string[]): FieldError[] {
  if (wanted.length === 0) return [required('spec.usages', 'usages are required')];
  return wanted.flatMap((usage, i) => {
    const path = `spec.usages[${i}]`;
    if (!usages.includes(usage)) return [notSupported(path, usage, usages)];
    return wanted.indexOf(usage) < i ? [duplicate(path, usage)] : [];
  });
}

function validateSpec({ request, signerName, expirationSeconds, usages: wanted = [] }: CertificateSigningRequestSpec) {
  const pem = Buffer.from(request, 'base64');
  const isRequest = pem.length <= maxRequestBytes && isPem(pem.toString('latin1'), 'CERTIFICATE REQUEST');
  return [
    ...(isRequest ? [] : [invalid('spec.request', '<PEM>', 'PEM block type must be CERTIFICATE REQUEST')]),
    ...validateSignerName(signerName),
    ...validateUsages(wanted),
    ...(expirationSeconds !== undefined && expirationSeconds < minSeconds
      ? [
          invalid(
            'spec.expirationSeconds',
            expirationSeconds,
            'may not specify a duration less than 600 seconds (10 minutes)',
          ),
        ]
      : []),
  ];
}

function validateConditions(request: Request): FieldError[] {
  const conditions = conditionsOf(request);
  const both = conditions.filter(({ type }) => verdicts.has(type)).map(({ type }) => type);
  const errors = conditions.flatMap(({ type, status }, i) => {
    const path = `status.conditions[${i}]`;
    if (type === '') return [required(`${path}.type`)];
    if (verdicts.has(type) || type === 'Failed') {
      if (status !== 'True') return [notSupported(`${path}.status`, status, ['True'])];
    } else if (!['True', 'False', 'Unknown'].includes(status)) {
      return [notSupported(`${path}.status`, status, ['True', 'False', 'Unknown'])];
    }
    return conditions.findIndex((each) => each.type === type) < i ? [duplicate(`${path}.type`, type)] : [];
  });
  if (new Set(both).size < 2) return errors;
  return [...errors, invalid('status.conditions', both, 'Approved and Denied conditions are mutually exclusive')];
}

function validateCertificate({ status }: Request): FieldError[] {
  const { certificate } = status ?? {};
  if (certificate === undefined || certificate === '') return [];
  const blocks = Buffer.from(certificate, 'base64')
    .toString('latin1')
    .trim()
    .split(/(?<=-----END CERTIFICATE-----)/);
  return blocks.every((block) => isPem(block, 'CERTIFICATE'))
    ? []
    : [invalid('status.certificate', '<certificate data>', 'must contain only PEM blocks of type CERTIFICATE')];
}

/** Set once, and only by who signs; verdicts stay, and come by `approval` alone. */
function validateStatusChange(request: Request, old: Request, { subresource }: StrategyContext): FieldError[] {
  const lost = verdictsOf(old).find(({ type }) => !verdictsOf(request).some((each) => each.type === type));
  const added = verdictsOf(request).find(({ type }) => !verdictsOf(old).some((each) => each.type === type));
  const path = 'status.conditions';
  const before = old.status?.certificate ?? '';
  return [
    ...(lost === undefined ? [] : [forbidden(path, `updates may not remove a condition of type "${lost.type}"`)]),
    ...(added === undefined || subresource === 'approval'
      ? []
      : [forbidden(path, `updates may not add a condition of type "${added.type}"`)]),
    ...(before === '' || before === request.status?.certificate
      ? []
      : [immutable('status.certificate', '<certificate data>')]),
  ];
}

/** Times of conditions that came or changed. */
function stamp(request: Request, old: Request, now: Date): void {
  for (const condition of request.status?.conditions ?? []) {
    const before = conditionsOf(old).find(({ type }) => type === condition.type);
    if (before !== undefined && same(before, condition)) continue;
    condition.lastUpdateTime ??= formatTime(now);
    condition.lastTransitionTime ??=
      before?.status === condition.status ? (before.lastTransitionTime ?? formatTime(now)) : formatTime(now);
  }
}

function conditionCell(request: Request): string {
  const types = conditionsOf(request).map(({ type }) => type);
  const words = [
    ...(types.includes('Denied') ? ['Denied'] : types.includes('Approved') ? ['Approved'] : []),
    ...(types.includes('Failed') ? ['Failed'] : []),
    ...(request.status?.certificate ? ['Issued'] : []),
  ];
  return words.join(',') || 'Pending';
}

const requestedCell = ({ spec: { expirationSeconds } }: Request): string =>
  expirationSeconds === undefined ? '<none>' : humanDuration(expirationSeconds * 1000);

export const certificateSigningRequestRow: ResourceRow<Request> = {
  type: certificateSigningRequests,
  singular: 'certificatesigningrequest',
  shortNames: ['csr'],
  subresources: ['status', 'approval'],
  columns: [
    nameColumn,
    ageColumn,
    column('SignerName', 'Who shall sign it.', ({ spec }) => spec.signerName),
    column('Requestor', 'Who asks.', ({ spec }) => spec.username ?? ''),
    column('RequestedDuration', 'How long the certificate shall be good for.', requestedCell),
    column('Condition', 'How far it is.', conditionCell),
  ],
  strategy: {
    prepareForCreate: (request, { user: { name, uid, groups, extra } }) => {
      const { request: pem, signerName, usages: wanted, expirationSeconds } = request.spec;
      request.spec = {
        ...{ request: pem, signerName, username: name, groups: [...groups] },
        ...(wanted !== undefined && { usages: wanted }),
        ...(expirationSeconds !== undefined && { expirationSeconds }),
        ...(uid !== undefined && { uid }),
        ...(extra !== undefined && { extra: Object.fromEntries(Object.entries(extra).map(([k, v]) => [k, [...v]])) }),
      };
      request.status = {};
    },
    prepareForUpdate: (request, old) => {
      request.spec = structuredClone(old.spec);
      request.status = structuredClone(old.status) ?? {};
    },
    prepareForStatusUpdate: (request, old, { now }) => {
      request.spec = structuredClone(old.spec);
      stamp(request, old, now);
    },
    prepareForApprovalUpdate: (request, old, { now }) => {
      request.spec = structuredClone(old.spec);
      const conditions = request.status?.conditions ?? [];
      request.status = { ...structuredClone(old.status), conditions };
      stamp(request, old, now);
    },
    validate: (request) => [
      ...validateMeta(request.metadata, false, nameIsSubdomain),
      ...validateSpec(request.spec),
      ...validateConditions(request),
      ...validateCertificate(request),
    ],
    validateUpdate: (request, old, context) => [
      ...validateMetaUpdate(request.metadata, old.metadata),
      ...validateStatusChange(request, old, context),
    ],
    selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName },
  },
};
