/** What the API fills into a pod's spec, in pods and in templates alike. */
import type { Container, HTTPGetAction, ObjectFieldSelector, PodSpec, Probe, Volume } from '../../../api/types.gen.ts';
import { fillEmpty, fillMissing } from '../fill.ts';
import { canonicalResources } from './resources.ts';

/** `latest` when the image names neither tag nor digest. */
export function imageTag(image: string): string {
  if (image === '' || image.includes('@')) return '';
  const name = image.slice(image.lastIndexOf('/') + 1);
  const colon = name.indexOf(':');
  return colon < 0 ? 'latest' : name.slice(colon + 1);
}

const pullPolicy = (image = ''): string => (imageTag(image) === 'latest' ? 'Always' : 'IfNotPresent');
const httpGet = (action: HTTPGetAction | undefined): void => fillEmpty(action, { path: '/', scheme: 'HTTP' });
const fieldRef = (ref: ObjectFieldSelector | undefined): void => fillEmpty(ref, { apiVersion: 'v1' });

function setProbeDefaults(probe: Probe | undefined): void {
  fillEmpty(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  httpGet(probe?.httpGet);
  fillMissing(probe?.grpc, { service: '' });
}

function setContainerDefaults(container: Container): void {
  fillEmpty(container, {
    imagePullPolicy: pullPolicy(container.image),
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
  });
  canonicalResources(container.resources?.limits);
  canonicalResources(container.resources?.requests);
  for (const port of container.ports ?? []) fillEmpty(port, { protocol: 'TCP' });
  for (const { valueFrom } of container.env ?? []) {
    fieldRef(valueFrom?.fieldRef);
    fillMissing(valueFrom?.fileKeyRef, { optional: false });
  }
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  for (const probe of [livenessProbe, readinessProbe, startupProbe]) setProbeDefaults(probe);
  for (const handler of [lifecycle?.postStart, lifecycle?.preStop]) httpGet(handler?.httpGet);
}

const DEFAULT_MODE = 0o644;
const TOKEN_SECONDS = 3600;

function setProjectedDefaults(volume: Volume): void {
  const sources = volume.projected?.sources ?? [];
  for (const source of sources) fillMissing(source.serviceAccountToken, { expirationSeconds: TOKEN_SECONDS });
  const files = [volume.downwardAPI, ...sources.map((source) => source.downwardAPI)];
  for (const file of files.flatMap((source) => source?.items ?? [])) fieldRef(file.fieldRef);
}

function setVolumeDefaults(volume: Volume): void {
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
  fillMissing(volume.hostPath, { type: '' });
  fillMissing(volume.secret, { defaultMode: DEFAULT_MODE });
  fillMissing(volume.configMap, { defaultMode: DEFAULT_MODE });
  fillMissing(volume.downwardAPI, { defaultMode: DEFAULT_MODE });
  fillMissing(volume.projected, { defaultMode: DEFAULT_MODE });
  fillEmpty(volume.image, { pullPolicy: pullPolicy(volume.image?.reference) });
  setProjectedDefaults(volume);
}

/** Fills a pod's spec in place. `serviceAccount` is the old name of `serviceAccountName`; both are always shown. */
export function setPodSpecDefaults(spec: PodSpec): void {
  fillEmpty(spec, {
    containers: [],
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    securityContext: {},
    schedulerName: 'default-scheduler',
    serviceAccountName: spec.serviceAccount ?? '',
  });
  fillMissing(spec, { terminationGracePeriodSeconds: 30 });
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else delete spec.serviceAccountName;
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume);
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) setContainerDefaults(container);
}
