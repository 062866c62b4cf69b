import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodTemplate } from '../../api/types.gen.ts';
import { podTemplateRow } from './pod-templates.ts';
import { cells, create } from './testing.ts';

const metadata = { name: 'web', namespace: 'shop' };
const containers = [{ name: 'main', image: 'busybox' }];
const template: PodTemplate['template'] = { metadata: { labels: { app: 'web' } }, spec: { containers } };

test('a template is filled as a pod is', () => {
  const { object, errors } = create(podTemplateRow, { metadata, template });
  assert.deepEqual(errors, []);
  assert.equal(object.template?.spec?.restartPolicy, 'Always');
  assert.equal(object.metadata.generation, 1);
});

test('a template that makes no pod is refused', () => {
  assert.deepEqual(create(podTemplateRow, { metadata }).errors, ['template.spec.containers: Required value']);
});

test('prints what its pods would be', () => {
  const { Containers, Images, 'Pod Labels': labels } = cells(podTemplateRow, { metadata, template });
  assert.deepEqual([Containers, Images, labels], ['main', 'busybox', 'app=web']);
});
