/** Services that the proxy leaves alone. */
import { own, passedOn } from '../expectations.ts';
import { FeatureBuilder } from '../feature.ts';
import { directly } from '../service.ts';

export const nothingProgrammed = new FeatureBuilder('nothing programmed', 100);

const headless = nothingProgrammed.service('headless', {
  external: true,
  endpoints: ['a1', 'b1'],
  spec: { clusterIP: 'None', clusterIPs: ['None'] },
});
nothingProgrammed.case('headless: its pods as they are', 'a2', directly('b1'), own('b1'));
nothingProgrammed.case('headless: not even its external IP', 'a2', headless.external(), passedOn);

const alias = nothingProgrammed.service('alias', {
  external: true,
  endpoints: ['a1'],
  spec: { type: 'ExternalName', externalName: 'example.com' },
});
nothingProgrammed.case('ExternalName: an address it had before', 'a2', alias.cluster(), passedOn);
nothingProgrammed.case('ExternalName: its external IP', 'outside', alias.external(), passedOn);

const foreign = nothingProgrammed.service('foreign', {
  type: 'LoadBalancer',
  external: true,
  endpoints: ['a1'],
  labels: { 'service.kubernetes.io/service-proxy-name': 'other' },
});
nothingProgrammed.case('another proxy: cluster IP', 'a2', foreign.cluster(), passedOn);
nothingProgrammed.case('another proxy: node port', 'outside', foreign.nodePort('node-a'), passedOn);
nothingProgrammed.case('another proxy: external IP', 'a2', foreign.external(), passedOn);
nothingProgrammed.case('another proxy: load balancer', 'node-a', foreign.loadBalancer(), passedOn);

const marked = nothingProgrammed.service('marked', {
  endpoints: ['a1'],
  labels: { 'service.kubernetes.io/headless': '' },
});
nothingProgrammed.case('labelled headless', 'a2', marked.cluster(), passedOn);

const pending = nothingProgrammed.service('pending', {
  external: true,
  endpoints: ['a1'],
  spec: { clusterIP: '', clusterIPs: [] },
});
nothingProgrammed.case('without a cluster IP yet', 'a2', pending.external(), passedOn);
