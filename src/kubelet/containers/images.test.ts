import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { secrets } from '../../api/resources.ts';
import type { Container, Pod } from '../../api/types.gen.ts';
import { createPodEvents } from '../pods/pod-events.ts';
import { createFakeApi, type FakeApi } from '../testing/fake-api.ts';
import { createFakeImages, type FakeImages } from '../testing/fake-runtime.ts';
import { ContainerError } from './config-error.ts';
import { createImageManager, type ImageManager } from './images.ts';

let api: FakeApi;
let images: FakeImages;
let manager: ImageManager;
let told: string[];
let now: number;

beforeEach(() => {
  api = createFakeApi();
  images = createFakeImages('busybox');
  told = [];
  now = 0;
  const event = (_: unknown, type: string, reason: string, message: string): void =>
    void told.push(`${type} ${reason} ${message}`);
  manager = createImageManager({ images, client: api.client, events: createPodEvents({ event }), now: () => now });
});

const podOf = (...pullSecrets: string[]): Pod => ({
  metadata: { name: 'web', namespace: 'default', uid: 'uid' },
  spec: { containers: [], imagePullSecrets: pullSecrets.map((name) => ({ name })) },
});
const container = (image: string, imagePullPolicy?: string): Container => ({
  name: 'main',
  image,
  ...(imagePullPolicy === undefined ? {} : { imagePullPolicy }),
});

function secret(name: string, config: unknown, type = 'kubernetes.io/dockerconfigjson'): void {
  const field = type.endsWith('json') ? '.dockerconfigjson' : '.dockercfg';
  const data = { [field]: Buffer.from(JSON.stringify(config)).toString('base64') };
  api.put(secrets, { metadata: { name, namespace: 'default' }, type, data });
}

const as = (username: string): { auth: string } => ({ auth: Buffer.from(`${username}:word`).toString('base64') });
const refused = (reason: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ContainerError);
  assert.equal(error.reason, reason);
  assert.match(error.message, message);
  return true;
};

test('Always asks the registry each time; IfNotPresent only when the image is not there', async () => {
  images.registry.add('reg.example/app:1');
  await manager.ensure(podOf(), container('reg.example/app:1', 'IfNotPresent'));
  await manager.ensure(podOf(), container('reg.example/app:1', 'IfNotPresent'));
  assert.equal(images.pulls.length, 1);
  await manager.ensure(podOf(), container('reg.example/app:1', 'Always'));
  assert.equal(images.pulls.length, 2);
  assert.match(
    told.at(-1) ?? '',
    /^Normal Pulled Successfully pulled image "reg\.example\/app:1" in 0ms \(0ms including waiting\)/,
  );
});

test('Always does not ask after what was imported by hand', async () => {
  await manager.ensure(podOf(), container('busybox', 'Always'));
  assert.deepEqual(images.pulls, []);
});

test('what cannot be had: ErrImagePull, then ImagePullBackOff, then another try', async () => {
  const missing = container('nginx');
  await assert.rejects(manager.ensure(podOf(), missing), refused('ErrImagePull', /^pulling nginx:latest: not found$/));
  now = 9_999;
  await assert.rejects(
    manager.ensure(podOf(), missing),
    refused('ImagePullBackOff', /^Back-off pulling image "nginx": ErrImagePull: pulling nginx:latest: not found$/),
  );
  now = 10_001;
  await assert.rejects(manager.ensure(podOf(), missing), refused('ErrImagePull', /not found/));
  assert.deepEqual(told, [
    'Normal Pulling Pulling image "nginx"',
    'Warning Failed Failed to pull image "nginx": pulling nginx:latest: not found',
    'Normal BackOff Back-off pulling image "nginx"',
    'Normal Pulling Pulling image "nginx"',
    'Warning Failed Failed to pull image "nginx": pulling nginx:latest: not found',
  ]);
});

test('a name that is none', async () => {
  await assert.rejects(
    manager.ensure(podOf(), container('No Name')),
    refused('InvalidImageName', /^Failed to apply default image tag "No Name": couldn't parse image name/),
  );
  assert.match(told[0] ?? '', /^Warning InspectFailed /);
});

test('as whom: each that the Secrets name for the registry, in turn; nobody when there is none', async () => {
  secret('one', { auths: { 'reg.example': as('first'), 'other.example': as('stranger') } });
  secret('two', { 'reg.example/team': as('second') }, 'kubernetes.io/dockercfg');
  secret('three', { auths: { 'reg.example': as('third') } }, 'Opaque');
  const image = 'reg.example/team/app:1';
  await assert.rejects(manager.ensure(podOf('one', 'two', 'three', 'none'), container(image)));
  assert.deepEqual(
    images.pulls.map(({ username }) => username),
    ['second', 'first'],
  );
  images.pulls.length = 0;
  await assert.rejects(
    manager.ensure({ ...podOf(), metadata: { name: 'b', namespace: 'default', uid: 'b' } }, container(image)),
  );
  assert.deepEqual(images.pulls, [{ reference: image, username: undefined }]);
});
