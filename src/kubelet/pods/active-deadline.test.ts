import assert from 'node:assert/strict';
import { test } from 'node:test';
import { msToDeadline } from './active-deadline.ts';

const startTime = '2026-01-01T00:00:00Z';
const startedAtMs = Date.parse(startTime);

test('what is left counts from the start, and goes below zero', () => {
  const pod = { metadata: {}, spec: { containers: [], activeDeadlineSeconds: 10 }, status: { startTime } };
  assert.equal(msToDeadline(pod, startedAtMs + 4_000), 6_000);
  assert.equal(msToDeadline(pod, startedAtMs + 11_000), -1_000);
});

test('without a deadline, or before it began, there is nothing to wait for', () => {
  const spec = { containers: [], activeDeadlineSeconds: 10 };
  assert.equal(msToDeadline({ metadata: {}, spec: { containers: [] }, status: { startTime } }, startedAtMs), undefined);
  assert.equal(msToDeadline({ metadata: {}, spec }, startedAtMs), undefined);
});
