import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { configMaps, pods, runtimeClasses, services } from '../../api/resources.ts';
import { silentLogger } from '../../api/logger.ts';
import { watchLocalStorage } from './local-storage.ts';
import { createNodeOnFakes, pod, type NodeOnFakes } from '../testing/node-on-fakes.ts';

let node: NodeOnFakes;

beforeEach(async () => {
  node = await createNodeOnFakes();
});

afterEach(() => node.close());

test('a new pod runs and is node.told to be ready, with its addresses', async () => {
  await node.start();
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  const status = node.find('web')?.status;
  assert.equal(status?.phase, 'Running');
  assert.equal(status.podIP, '10.1.0.1');
  assert.equal(status.hostIP, '10.0.0.1');
  assert.equal(status.qosClass, 'BestEffort');
  assert.equal(status.observedGeneration, 1);
  assert.deepEqual(
    status.conditions?.map(({ type, status: value }) => `${type}=${value}`),
    ['PodReadyToStartContainers=True', 'Initialized=True', 'Ready=True', 'ContainersReady=True', 'PodScheduled=True'],
  );
  assert.match(node.main('web')?.containerID ?? '', /^podwire:\/\/container\d+$/);
  assert.deepEqual(node.told, [
    'Normal Pulled Container image "busybox" already present on machine',
    'Normal Created Container created',
    'Normal Started Container started',
  ]);
});

test('what a pod asks for in vain is told once', async () => {
  await node.start();
  const container = { securityContext: { procMount: 'Unmasked' } };
  node.api.put(pods, pod('web', { hostUsers: false }, container));
  await node.until('ready', () => node.isReady('web'));
  const said =
    'Warning FieldIgnored not supported by this node, and without effect: ' +
    'spec.hostUsers, spec.containers[0].securityContext.procMount';
  assert.deepEqual(
    node.told.filter((line) => line.includes('FieldIgnored')),
    [said],
  );
  node.stopAgent();
  const workers = await node.start();
  await node.until('known', () => workers.active().length === 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(node.told.filter((line) => line.includes('FieldIgnored')).length, 1);
});

const withHook = pod('web', {}, { lifecycle: { postStart: { exec: { command: ['greet'] } } } });

test('a container is ready when its postStart hook is over', async () => {
  const over = Promise.withResolvers<void>();
  node.runtime.execWaits = over.promise;
  await node.start();
  node.api.put(pods, withHook);
  await node.until('begun', () => node.main('web')?.state?.running !== undefined);
  assert.equal(node.main('web')?.started, false);
  assert.equal(node.isReady('web'), false);
  over.resolve();
  await node.until('ready', () => node.isReady('web'));
  assert.equal(node.main('web')?.started, true);
});

test('a container whose postStart hook fails is stopped, and begins again', async () => {
  node.runtime.execResults.set('greet', 3);
  await node.start();
  node.api.put(pods, withHook);
  await node.until('stopped', () => node.runtime.calls.includes('kill web/main/0 30s'));
  await node.until('again', () => node.runtime.calls.includes('start web/main/1'));
  assert.ok(node.told.includes('Warning FailedPostStartHook PostStartHook failed: exit code 3'));
});

test('a pod whose postStart hook does not end can be deleted', async () => {
  node.runtime.execWaits = new Promise(() => undefined);
  await node.start();
  node.api.put(pods, withHook);
  await node.until('begun', () => node.main('web')?.state?.running !== undefined);
  node.api.markDeleted(pods, 'default/web', 30);
  await node.until('stopped', () => node.runtime.calls.some((call) => call.startsWith('kill web/main/0')));
});

test('a settled pod is not written again', async () => {
  const workers = await node.start();
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  const before = node.api.calls.length;
  workers.wakeAll();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(node.api.calls.length, before);
});

test('a container that ends restarts in the same sandbox; the second end waits', async () => {
  await node.start();
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  node.runtime.exit('web', 'main', 3);
  await node.until(
    'restarted',
    () => node.main('web')?.restartCount === 1 && node.main('web')?.state?.running !== undefined,
  );
  assert.equal(node.main('web')?.lastState?.terminated?.exitCode, 3);
  node.runtime.exit('web', 'main', 4);
  await node.until('held back', () => node.main('web')?.state?.waiting?.reason === 'CrashLoopBackOff');
  assert.equal(
    node.main('web')?.state?.waiting?.message,
    'back-off 10s restarting failed container=main pod=web_default(uid-of-web)',
  );
  assert.equal(node.main('web')?.lastState?.terminated?.exitCode, 4);
  assert.equal(node.find('web')?.status?.phase, 'Running');
  assert.deepEqual(node.runtime.calls, ['run web/0', 'start web/main/0', 'start web/main/1']);
});

test('a killed pause process means a new sandbox and all containers again', async () => {
  await node.start();
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  node.runtime.killSandbox('web');
  await node.until('back', () => node.isReady('web') && node.find('web')?.status?.podIP !== '10.1.0.1');
  assert.deepEqual(node.runtime.calls, [
    'run web/0',
    'start web/main/0',
    'stop web/0',
    'run web/1',
    'start web/main/1',
  ]);
  assert.deepEqual(node.find('web')?.status?.podIPs, [{ ip: node.find('web')?.status?.podIP }]);
});

test('init containers run one after the other, then the pod', async () => {
  await node.start();
  node.api.put(
    pods,
    pod('web', {
      initContainers: [
        { name: 'one', image: 'busybox' },
        { name: 'two', image: 'busybox' },
      ],
    }),
  );
  await node.until('one', () => node.runtime.calls.includes('start web/one/0'));
  assert.equal(node.main('web')?.state?.waiting?.reason, 'PodInitializing');
  node.runtime.exit('web', 'one', 0);
  await node.until('two', () => node.runtime.calls.includes('start web/two/0'));
  assert.ok(!node.runtime.calls.includes('start web/main/0'));
  node.runtime.exit('web', 'two', 0);
  await node.until('ready', () => node.isReady('web'));
});

test('a missing image is node.told in the words of the field, and used once it is there', async () => {
  await node.start();
  node.api.put(pods, pod('web', {}, { image: 'nginx', imagePullPolicy: 'IfNotPresent' }));
  await node.until('refused', () => node.main('web')?.state?.waiting?.reason === 'ErrImagePull');
  assert.ok(
    node.told.some((line) => line.startsWith('Warning Failed Failed to pull image "nginx"')),
    node.told.join('\n'),
  );
  await node.until('held back', () => node.main('web')?.state?.waiting?.reason === 'ImagePullBackOff');
  node.images.here.add('nginx');
  await node.until('ready', () => node.isReady('web'));
});

test('imagePullPolicy Never and no image', async () => {
  await node.start();
  node.api.put(pods, pod('web', {}, { image: 'nginx', imagePullPolicy: 'Never' }));
  await node.until('refused', () => node.main('web')?.state?.waiting?.reason === 'ErrImageNeverPull');
  assert.equal(
    node.main('web')?.state?.waiting?.message,
    'Container image "nginx" is not present with pull policy of Never',
  );
});

test('another agent adopts what runs and touches nothing', async () => {
  await node.start();
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  node.runtime.exit('web', 'main', 1);
  await node.until('restarted', () => node.main('web')?.restartCount === 1 && node.isReady('web'));
  node.stopAgent();
  const before = node.runtime.calls.length;
  await node.start();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(node.runtime.calls.length, before);
});

test('another agent keeps to the back-off', async () => {
  await node.start();
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  node.runtime.exit('web', 'main', 1);
  await node.until('restarted', () => node.main('web')?.restartCount === 1 && node.isReady('web'));
  node.stopAgent();
  await node.start();
  node.runtime.exit('web', 'main', 1);
  await node.until('held back', () => node.main('web')?.state?.waiting?.reason === 'CrashLoopBackOff');
});

test('the API goes away: pods go on, their status is sent later', async () => {
  await node.start();
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  node.api.down = true;
  node.runtime.exit('web', 'main', 7);
  await node.until('restarted', () => node.runtime.calls.includes('start web/main/1'));
  assert.equal(node.main('web')?.restartCount, 0);
  node.api.down = false;
  await node.until('told', () => node.main('web')?.restartCount === 1);
});

test('no sandbox before the network is there, except on the host network', async () => {
  node.network.ready = false;
  const workers = await node.start();
  node.api.put(pods, pod('web'));
  node.api.put(pods, pod('host', { hostNetwork: true }));
  await node.until('host runs', () => node.isReady('host'));
  assert.equal(node.find('host')?.status?.podIP, '10.0.0.1');
  assert.ok(!node.runtime.calls.includes('run web/0'));
  node.network.ready = true;
  workers.wakeAll();
  await node.until('ready', () => node.isReady('web'));
});

test('a pod of a RuntimeClass asks for the runtime that the class names, and does not start without the class', async () => {
  await node.start();
  node.api.put(pods, pod('web', { runtimeClassName: 'walled' }));
  const failed = 'Warning FailedCreatePodSandBox Failed to create pod sandbox: ';
  await node.until('told', () => node.told.some((line) => line.startsWith(failed) && line.includes('walled')));
  assert.ok(!node.runtime.calls.includes('run web/0'));
  node.api.put(runtimeClasses, { metadata: { name: 'walled' }, handler: 'gvisor' });
  await node.until('ready', () => node.isReady('web'));
  assert.ok(node.runtime.calls.includes('run web/0 by gvisor'));
});

test('a sandbox that fails is node.told and tried again', async () => {
  await node.start();
  node.runtime.failNext('runPodSandbox', 'no address left');
  node.api.put(pods, pod('web'));
  await node.until('told', () =>
    node.told.includes('Warning FailedCreatePodSandBox Failed to create pod sandbox: no address left'),
  );
  await node.until('ready', () => node.isReady('web'));
});

test('a missing ConfigMap holds its container back, not the sandbox', async () => {
  await node.start();
  const env = [{ name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } }];
  node.api.put(pods, pod('web', {}, { env }));
  await node.until('held back', () => node.main('web')?.state?.waiting?.reason === 'CreateContainerConfigError');
  assert.equal(node.main('web')?.state?.waiting?.message, 'configmap "settings" not found');
  node.api.put(configMaps, { metadata: { name: 'settings', namespace: 'default' }, data: { color: 'blue' } });
  await node.until('ready', () => node.isReady('web'));
  const [config] = [...node.runtime.configs.values()];
  assert.ok(config?.env.some(({ name, value }) => name === 'COLOR' && value === 'blue'));
});

test('too many pods: the last one is refused, and never runs', async () => {
  await node.start(1);
  node.api.put(pods, pod('web'));
  await node.until('ready', () => node.isReady('web'));
  node.api.put(pods, pod('more'));
  await node.until('refused', () => node.find('more')?.status?.phase === 'Failed');
  assert.equal(node.find('more')?.status?.reason, 'OutOfpods');
  assert.deepEqual(node.runtime.calls, ['run web/0', 'start web/main/0']);
});

test('a pod that takes too much of the disk is Failed as Evicted, with little grace, and does not come back', async () => {
  const workers = await node.start();
  const resources = { limits: { 'ephemeral-storage': '1Mi' } };
  node.api.put(pods, pod('web', { terminationGracePeriodSeconds: 30 }, { resources }));
  await node.until('ready', () => node.isReady('web'));
  const stop = new AbortController();
  watchLocalStorage({
    pods: () => workers.active(),
    evict: (each, why) => workers.evict(each, why),
    runtime: node.runtime,
    dirs: node.dirs,
    logger: silentLogger,
    signal: stop.signal,
    intervalMs: 5,
  });
  const [id = ''] = node.runtime.configs.keys();
  node.runtime.written.set(id, 1024 * 1024 + 1);
  await node.until('evicted', () => node.find('web')?.status?.phase === 'Failed');
  stop.abort();
  assert.equal(node.find('web')?.status?.reason, 'Evicted');
  await node.until('stopped', () => node.main('web')?.state?.terminated !== undefined);
  assert.ok(node.runtime.calls.includes('kill web/main/0 1s'), node.runtime.calls.join('\n'));
  assert.match(node.told.join('\n'), /^Warning Evicted Pod ephemeral local storage usage exceeds/m);
  assert.equal(node.runtime.calls.includes('start web/main/1'), false);
});

test('a failed liveness probe kills the container, and it starts again', async () => {
  await node.start();
  node.runtime.execResults.set('check', 1);
  const livenessProbe = { exec: { command: ['check'] }, periodSeconds: 1, failureThreshold: 1 };
  node.api.put(pods, pod('web', { terminationGracePeriodSeconds: 3 }, { livenessProbe }));
  await node.until('killed', () => node.runtime.calls.includes('kill web/main/0 3s'));
  await node.until('restarted', () => node.runtime.calls.includes('start web/main/1'));
  assert.ok(
    node.told.includes('Normal Killing Container main failed liveness probe, will be restarted'),
    node.told.join('\n'),
  );
});

test('a container with a readiness probe is ready only when it succeeds', async () => {
  await node.start();
  node.runtime.execResults.set('check', 1);
  const readinessProbe = { exec: { command: ['check'] }, periodSeconds: 1, failureThreshold: 1 };
  node.api.put(pods, pod('web', {}, { readinessProbe }));
  await node.until('running', () => node.main('web')?.state?.running !== undefined);
  assert.equal(node.main('web')?.ready, false);
  node.runtime.execResults.set('check', 0);
  await node.until('ready', () => node.isReady('web'));
});

test('what a container is given: mounts, log path, variables', async () => {
  node.api.put(services, {
    metadata: { name: 'kubernetes', namespace: 'default' },
    spec: { clusterIP: '10.46.0.1', ports: [{ port: 443, name: 'https' }] },
  });
  await node.start();
  const volumeMounts = [{ name: 'scratch', mountPath: '/scratch' }];
  node.api.put(
    pods,
    pod(
      'web',
      { volumes: [{ name: 'scratch', emptyDir: {} }] },
      { volumeMounts, args: ['$(KUBERNETES_SERVICE_HOST)'] },
    ),
  );
  await node.until('ready', () => node.isReady('web'));
  const [config] = [...node.runtime.configs.values()];
  assert.ok(config !== undefined);
  assert.deepEqual(
    config.mounts.map(({ containerPath }) => containerPath),
    ['/scratch', '/etc/hosts', '/dev/termination-log'],
  );
  assert.equal(config.logPath, join(node.folder, 'logs', 'default_web_uid-of-web', 'main', '0.log'));
  assert.deepEqual(config.args, ['10.46.0.1']);
  assert.equal(config.env[0]?.value, 'web');
  const hosts = await readFile(node.dirs.hosts('uid-of-web'), 'utf8');
  assert.match(hosts, /^10\.1\.0\.1\tweb$/m);
});

test('a pod whose ConfigMap is missing holds no sandbox; it runs when that comes', async () => {
  await node.start();
  node.api.put(pods, pod('web', { volumes: [{ name: 'conf', configMap: { name: 'conf' } }] }));
  await node.until('told', () => node.told.some((line) => line.includes('configmap "conf" not found')));
  assert.deepEqual(
    node.runtime.calls.filter((call) => call.startsWith('run ')),
    [],
  );
  node.api.put(configMaps, { metadata: { name: 'conf', namespace: 'default' }, data: {} });
  await node.until('ready', () => node.isReady('web'));
});

test('what every pod gets of itself may come after its sandbox, which is kept', async () => {
  await node.start();
  const sources = [{ configMap: { name: 'kube-root-ca.crt' } }];
  node.api.put(pods, pod('web', { volumes: [{ name: 'kube-api-access-x', projected: { sources } }] }));
  await node.until('told', () => node.told.some((line) => line.includes('configmap "kube-root-ca.crt" not found')));
  node.api.put(configMaps, { metadata: { name: 'kube-root-ca.crt', namespace: 'default' }, data: {} });
  await node.until('ready', () => node.isReady('web'));
  assert.equal(node.runtime.calls.filter((call) => call.startsWith('run ')).length, 1);
  assert.equal(node.told.filter((line) => line.includes('FailedMount')).length, 1);
});
