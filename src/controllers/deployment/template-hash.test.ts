import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { PodTemplateSpec } from '../../api/types.gen.ts';
import { sameTemplate, templateHash } from './template-hash.ts';

const template: PodTemplateSpec = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image: 'v1' }], volumes: [] },
};

it('the order of keys and empty fields do not change the hash', () => {
  const same = {
    spec: { containers: [{ image: 'v1', name: 'c' }] },
    metadata: { labels: { app: 'web' }, annotations: {} },
  };
  assert.equal(templateHash(same), templateHash(template));
  assert.ok(sameTemplate(same, template));
});

it('the hash label is not part of the template', () => {
  const labelled = { ...template, metadata: { labels: { app: 'web', 'pod-template-hash': 'x' } } };
  assert.equal(templateHash(labelled), templateHash(template));
  assert.ok(sameTemplate(labelled, template));
});

it('another image, and another collision count, mean another hash', () => {
  const other = { ...template, spec: { containers: [{ name: 'c', image: 'v2' }] } };
  const hashes = [templateHash(template), templateHash(other), templateHash(template, 1), templateHash(template, 2)];
  assert.equal(new Set(hashes).size, 4);
  assert.ok(!sameTemplate(other, template));
});

it('is short and made of letters and digits a name may have', () => {
  assert.match(templateHash(template), /^[bcdf-hj-np-tv-xz2456789]{1,10}$/);
});
