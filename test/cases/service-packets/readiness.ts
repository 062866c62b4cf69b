/** Ready, serving, terminating; and who still answers when nobody is ready (KEP-1669). */
import { dropped, own, refused, seenAs } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';
import type { EndpointSpec } from '../service.ts';
import type { Party } from '../world.ts';

export const readiness = new FeatureBuilder('readiness', 170);

const ending = (party: Party): EndpointSpec => ({ party, ready: false, serving: true, terminating: true });
const starting = (party: Party): EndpointSpec => ({ party, ready: false, serving: false });
const broken = (party: Party): EndpointSpec => ({ party, ready: false, serving: false, terminating: true });

const mixed = readiness.service('mixed', { endpoints: ['a1', ending('a2'), starting('b1'), broken('b2')] });
readiness.case('only who is ready', 'a2', mixed.cluster(), own('a1'));

const last = readiness.service('last', { endpoints: [ending('a2'), ending('b1'), starting('a1')] });
readiness.case('nobody is ready: who ends but serves', 'b2', last.cluster(), own('a2', 'b1'));
readiness.case(
  'nobody is ready: who ends but serves, for a node',
  'node-a',
  last.cluster(),
  seenAs('node-a', 'a2', 'b1'),
);

const none = readiness.service('none', { type: 'NodePort', endpoints: [starting('a1'), broken('b1')] });
readiness.case('nobody serves', 'a2', none.cluster(), refused);
readiness.case('nobody serves, on a node port', 'outside', none.nodePort('node-a'), refused);

const unsaid = readiness.service('unsaid', { endpoints: [{ party: 'a1' }, { party: 'b1', ready: undefined }] });
readiness.case('nothing is said: ready', 'a2', unsaid.cluster(), own('a1', 'b1'));

// What the control plane writes for publishNotReadyAddresses.
const published = readiness.service('published', {
  endpoints: [
    { party: 'a1', ready: true, serving: false },
    { party: 'b1', ready: true, serving: false, terminating: true },
  ],
  spec: { publishNotReadyAddresses: true },
});
readiness.case('published though not ready', 'a2', published.cluster(), own('a1', 'b1'));

const local = { externalTrafficPolicy: 'Local' } as const;
const dusk = readiness.service('dusk', {
  type: 'NodePort',
  endpoints: [ending('a1'), starting('a2'), 'b1'],
  spec: local,
});
readiness.case('external Local: only ones that end here', 'outside', dusk.nodePort('node-a'), own('a1'));
readiness.case('external Local: ready ones there', 'outside', dusk.nodePort('node-b'), own('b1'));
readiness.case('external Local: a pod takes the ready one', 'a2', dusk.nodePort('node-a'), own('b1'));

const dawn = readiness.service('dawn', { type: 'NodePort', endpoints: ['a1', ending('a2'), 'b1'], spec: local });
readiness.case('external Local: a ready one here goes first', 'outside', dawn.nodePort('node-a'), own('a1'));

const night = readiness.service('night', { type: 'NodePort', endpoints: [broken('a1'), ending('b1')], spec: local });
readiness.case('external Local: here nobody serves', 'outside', night.nodePort('node-a'), dropped);
readiness.case('external Local: who ends there', 'outside', night.nodePort('node-b'), own('b1'));
readiness.case('external Local: a pod falls back to who ends elsewhere', 'a2', night.nodePort('node-a'), own('b1'));

const inner = readiness.service('inner', {
  endpoints: [ending('a1'), 'b1'],
  spec: { internalTrafficPolicy: 'Local' },
});
readiness.case('internal Local: only ones that end here', 'a2', inner.cluster(), own('a1'));

const hollow = readiness.service('hollow', {
  endpoints: [starting('a1'), 'b1'],
  spec: { internalTrafficPolicy: 'Local' },
});
readiness.case('internal Local: here nobody serves', 'a2', hollow.cluster(), dropped);
