/** Events. */
import { events } from '../../api/resources.ts';
import type { Event } from '../../api/types.gen.ts';
import type { Column, FieldError, ResourceRow, Strategy } from '../resource.ts';
import { invalid, invalidEach, required } from '../validation/field-error.ts';
import { validateMetaUpdate } from '../validation/metadata.ts';
import { dnsSubdomain, qualifiedName } from '../validation/names.ts';
import { column, nameColumn, wide } from './columns.ts';
import { since } from './human-duration.ts';

const firstSeen = (event: Event, now: Date): string => since(event.firstTimestamp ?? event.eventTime, now);

function lastSeen(event: Event, now: Date): string {
  if (event.series !== undefined) return since(event.series.lastObservedTime, now);
  return event.lastTimestamp === undefined ? firstSeen(event, now) : since(event.lastTimestamp, now);
}

function target({ involvedObject }: Event): string {
  const kind = (involvedObject.kind ?? '').toLowerCase();
  return involvedObject.name ? `${kind}/${involvedObject.name}` : kind;
}

function source(event: Event): string {
  const component = event.source?.component || event.reportingComponent || '';
  const instance = event.source?.host || event.reportingInstance || '';
  return instance === '' ? component : `${component}, ${instance}`;
}

/** Events of the old style (without eventTime) belong to the namespace of their object. */
function validateNamespace(event: Event): FieldError[] {
  const path = 'involvedObject.namespace';
  const { namespace = '' } = event.involvedObject;
  const own = event.metadata.namespace ?? '';
  const wrong = [invalid(path, namespace, 'does not match event.namespace')];
  if (event.eventTime !== undefined) {
    return namespace === '' && !['default', 'kube-system'].includes(own) ? wrong : [];
  }
  const expected = namespace === '' ? ['', 'default'] : [namespace];
  return expected.includes(own) ? [] : wrong;
}

const limits = [
  { field: 'reportingInstance', limit: 128 },
  { field: 'action', limit: 128 },
  { field: 'reason', limit: 128 },
] as const;

/** Events of the new style say who reports them, and why. */
function validateReport(event: Event): FieldError[] {
  if (event.eventTime === undefined) return [];
  const reporter = event.reportingComponent ?? '';
  const errors = reporter === '' ? [required('reportingComponent')] : [];
  errors.push(...invalidEach('reportingComponent', reporter, qualifiedName(reporter)));
  for (const { field, limit } of limits) {
    const value = event[field] ?? '';
    if (value === '') errors.push(required(field));
    if (value.length > limit) errors.push(invalid(field, '', `can have at most ${limit} characters`));
  }
  if ((event.message ?? '').length > 1024) errors.push(invalid('message', '', 'can have at most 1024 characters'));
  return errors;
}

const involved = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const;

const strategy: Strategy<Event> = {
  validate: (event) => [
    ...validateNamespace(event),
    ...validateReport(event),
    ...invalidEach('namespace', event.metadata.namespace, dnsSubdomain(event.metadata.namespace ?? '')),
  ],
  validateUpdate: (event, old) => validateMetaUpdate(event.metadata, old.metadata),
  selectableFields: {
    ...Object.fromEntries(
      involved.map((field) => [`involvedObject.${field}`, (event: Event) => event.involvedObject[field] ?? '']),
    ),
    reason: (event) => event.reason ?? '',
    reportingComponent: (event) => event.reportingComponent ?? '',
    source: (event) => event.source?.component || event.reportingComponent || '',
    type: (event) => event.type ?? '',
  },
};

const columns: readonly Column<Event>[] = [
  column('Last Seen', 'When it was last seen.', lastSeen),
  column('Type', 'Normal or Warning.', (event) => event.type ?? ''),
  column('Reason', 'Why, in one word.', (event) => event.reason ?? ''),
  column('Object', 'What it is about.', target),
  wide('Subobject', 'Which part of the object.', (event) => event.involvedObject.fieldPath ?? ''),
  wide('Source', 'Who reported it.', source),
  column('Message', 'What happened.', (event) => (event.message ?? '').trim()),
  wide('First Seen', 'When it was first seen.', firstSeen),
  wide('Count', 'How often it was seen.', (event) => event.series?.count ?? (event.count || 1)),
  { ...nameColumn, priority: 1 },
];

export const eventRow: ResourceRow<Event> = {
  type: events,
  singular: 'event',
  shortNames: ['ev'],
  subresources: [],
  columns,
  strategy,
};
