import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObjectMeta } from '../../api/types.gen.ts';
import { validateMeta, validateMetaUpdate } from './metadata.ts';
import { nameIsLabel } from './names.ts';

const good: ObjectMeta = { name: 'web', namespace: 'shop' };
const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'u1' };

describe('metadata of a new object', () => {
  const cases: readonly { what: string; meta: ObjectMeta; namespaced?: boolean; says: readonly string[] }[] = [
    { what: 'a plain one is fine', meta: good, says: [] },
    {
      what: 'the name must be there',
      meta: { namespace: 'shop' },
      says: ['metadata.name: Required value: name or generateName is required'],
    },
    { what: 'the namespace must be there', meta: { name: 'web' }, says: ['metadata.namespace: Required value'] },
    {
      what: 'cluster-scoped objects have no namespace',
      meta: good,
      namespaced: false,
      says: ['metadata.namespace: Forbidden: not allowed on this type'],
    },
    {
      what: 'annotations may have 256 KiB together',
      meta: { ...good, annotations: { a: 'x'.repeat(256 * 1024) } },
      says: ['metadata.annotations: Too long: may not be more than 262144 bytes'],
    },
    {
      what: 'annotation keys may have capitals in the prefix',
      meta: { ...good, annotations: { 'Example.com/a': '' } },
      says: [],
    },
    {
      what: 'two controllers are one too many',
      meta: {
        ...good,
        ownerReferences: [
          { ...owner, controller: true },
          { ...owner, name: 'other', controller: true },
        ],
      },
      says: [
        `metadata.ownerReferences: Invalid value: [${JSON.stringify({ ...owner, controller: true })},${JSON.stringify({ ...owner, name: 'other', controller: true })}]: Only one reference can have Controller set to true. Found "true" in references for ReplicaSet/rs and ReplicaSet/other`,
      ],
    },
    {
      what: 'an owner is named by its uid',
      meta: { ...good, ownerReferences: [{ ...owner, uid: '' }] },
      says: ['metadata.ownerReferences.uid: Invalid value: "": must not be empty'],
    },
    {
      what: 'orphaning and foreground deletion exclude one another',
      meta: { ...good, finalizers: ['orphan', 'foregroundDeletion'] },
      says: [
        'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
      ],
    },
  ];
  for (const { what, meta, namespaced = true, says } of cases) {
    it(what, () => {
      const errors = validateMeta(meta, namespaced, nameIsLabel);
      assert.deepEqual(
        errors.map((e) => `${e.field}: ${e.message}`),
        says,
      );
    });
  }
});

describe('metadata of an object that is updated', () => {
  const old: ObjectMeta = { ...good, uid: 'u', generation: 3, creationTimestamp: '2026-01-01T00:00:00Z' };
  const cases: readonly {
    what: string;
    change: Partial<ObjectMeta>;
    old?: Partial<ObjectMeta>;
    says: readonly string[];
  }[] = [
    { what: 'labels may change', change: { labels: { a: 'b' } }, says: [] },
    {
      what: 'the name stays',
      change: { name: 'other' },
      says: ['metadata.name: Invalid value: "other": field is immutable'],
    },
    { what: 'the uid stays', change: { uid: 'v' }, says: ['metadata.uid: Invalid value: "v": field is immutable'] },
    {
      what: 'the generation does not fall',
      change: { generation: 2 },
      says: ['metadata.generation: Invalid value: 2: must not be decremented'],
    },
    {
      what: 'an object on its way out gets no further finalizers',
      old: { deletionTimestamp: '2026-01-02T00:00:00Z', finalizers: ['x/a'] },
      change: { deletionTimestamp: '2026-01-02T00:00:00Z', finalizers: ['x/a', 'x/b'] },
      says: [
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/b"}',
      ],
    },
  ];
  for (const { what, change, old: before, says } of cases) {
    it(what, () => {
      const errors = validateMetaUpdate({ ...old, ...change }, { ...old, ...before });
      assert.deepEqual(
        errors.map((e) => `${e.field}: ${e.message}`),
        says,
      );
    });
  }
});
