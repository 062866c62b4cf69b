/** Pods that a node runs because a file in it says so, and what the API shows of them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Event, Pod } from '../../src/api/types.gen.ts';
import { eventually, run, type Lab } from '../lab.ts';

const NODE = 'node2';
const NAME = `static-${NODE}`;

function manifest(text: string, extra: object = {}): string {
  const container = { name: 'main', image: 'busybox', command: ['sh', '-c', `echo ${text}; exec sleep 1000000`] };
  const spec = { terminationGracePeriodSeconds: 1, containers: [container], ...extra };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'static', labels: { app: 'static' } },
    spec,
  });
}

export function staticPodStories(lab: Lab): void {
  const folder = `/var/lib/podwire/labs/${lab.name}/machines/${NODE}/lib/podwire/manifests`;
  const put = (file: string, text: string): Promise<unknown> => run(['tee', `${folder}/${file}`], { input: text });
  const drop = (...files: readonly string[]): Promise<unknown> =>
    run(['rm', '-f', ...files.map((file) => `${folder}/${file}`)]);
  const ready = (what: string, isRight: (pod: Pod) => boolean = () => true): Promise<Pod> =>
    eventually(what, async () => {
      const pod = await lab.get<Pod>(['pod', NAME]);
      return pod.status?.containerStatuses?.[0]?.ready === true && isRight(pod) ? pod : undefined;
    });
  const containersOf = async (): Promise<string[]> => {
    const find = `for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline | grep -q '^sleep 1000000' && tr '\\0' '\\n' < $p/environ | grep -q '^HOSTNAME=${NAME}' && echo $(basename $p); done; true`;
    return (await lab.onNode(NODE, ['bash', '-c', find])).stdout.split('\n').filter((line) => line !== '');
  };
  const isGone = async (): Promise<boolean> =>
    (await lab.kubectl(['get', 'pod', NAME], { mayFail: true })).code !== 0 && (await containersOf()).length === 0;

  describe('static pods', () => {
    before(() => put('static.json', manifest('first')));
    after(() => drop('static.json', 'bad.yaml', 'late.json'));

    test('a file makes a pod, which kubectl shows as any other', async () => {
      const pod = await ready('Ready');
      assert.equal(pod.spec?.nodeName, NODE);
      const annotations = pod.metadata.annotations ?? {};
      assert.equal(annotations['kubernetes.io/config.source'], 'file');
      assert.equal(annotations['kubernetes.io/config.mirror'], annotations['kubernetes.io/config.hash']);
      assert.ok(annotations['kubernetes.io/config.seen']);
      assert.equal((await lab.kubectl(['logs', NAME])).stdout.trim(), 'first');
      assert.equal((await lab.inPod(NAME, ['hostname'])).stdout.trim(), NAME);
      await eventually('its Events', async () =>
        (await lab.kubectl(['describe', 'pod', NAME])).stdout.includes('Container started'),
      );
    });

    test('who deletes its mirror does not end it', async () => {
      const pids = await containersOf();
      assert.equal(pids.length, 1);
      const { uid } = (await ready('Ready')).metadata;
      await lab.kubectl(['delete', 'pod', NAME, '--wait=false']);
      await ready('another mirror', ({ metadata }) => metadata.uid !== uid && metadata.deletionTimestamp === undefined);
      assert.deepEqual(await containersOf(), pids);
    });

    test('it goes on over an agent that is killed, and comes back while there is no API', async () => {
      const pids = await containersOf();
      const agent = `for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline | grep -q '[m]js agent' && kill -9 $(basename $p) && exit; done; exit 1`;
      await lab.podwire(['node', 'stop', 'control-plane']);
      try {
        await lab.onNode(NODE, ['bash', '-c', agent]);
        assert.deepEqual(await containersOf(), pids);
        await put('late.json', manifest('late').replace('"static"', '"late"'));
        await lab.onNode(NODE, ['kill', '-9', ...pids]);
        await eventually('it runs again', async () => {
          const now = await containersOf();
          return now.length === 1 && now[0] !== pids[0];
        });
      } finally {
        await lab.podwire(['node', 'start', 'control-plane']);
      }
      await ready('told to the API', (pod) => pod.status?.containerStatuses?.[0]?.restartCount === 1);
      await lab.kubectl(['wait', '--for=condition=Ready', `pod/late-${NODE}`, '--timeout=60s']);
      await drop('late.json');
    });

    test('a bad file is told of as an Event of the Node with line and field, and harms nobody', async () => {
      await put('bad.yaml', 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: bad\nspec:\n  containers:\n  - nam: x\n');
      await eventually('told', async () => {
        const events = await lab.list<Event>(['events']);
        return events.some(
          ({ involvedObject, reason, message }) =>
            involvedObject.kind === 'Node' &&
            reason === 'InvalidManifest' &&
            message?.includes('bad.yaml:7: spec.containers[0].nam: there is no such field') === true,
        );
      });
      await put('bad.yaml', manifest('x', { serviceAccountName: 'default' }).replace('"static"', '"bad"'));
      await eventually('told', async () => {
        const events = await lab.list<Event>(['events']);
        return events.some(
          ({ message }) => message?.includes('a static pod may not reference ServiceAccounts') === true,
        );
      });
      await ready('as before');
    });

    test('a changed file is another pod; without its file it is gone', async () => {
      await put('static.json', manifest('second'));
      await ready('the second one', ({ spec }) => spec?.containers[0]?.command?.[2]?.includes('second') === true);
      assert.equal((await lab.kubectl(['logs', NAME])).stdout.trim(), 'second');
      assert.equal((await containersOf()).length, 1);
      await drop('static.json');
      await eventually('nothing of it is left', isGone);
    });
  });
}
