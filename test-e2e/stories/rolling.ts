/** Pods leave and join a Service under load: servers that end at once when told to, and not one failed request. */
import assert from 'node:assert/strict';
import { after, before, describe, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment, Pod, Service } from '../../src/api/types.gen.ts';
import { eventually, type Lab } from '../lab.ts';
import { RequestLoop } from '../request-loop.ts';
import { abruptWebDeployment, service, sleeper } from '../workloads.ts';

const ASKERS = { 'asker-1': 'node1', 'asker-2': 'node2' };
const NAME = 'rolling';
/** `scripts/test --all` goes on for minutes. */
const STEPS = process.env['PODWIRE_TEST_ALL'] === '1' ? 100 : 10;

export function rollingStories(lab: Lab): void {
  describe('a Service whose pods come and go, under a request loop', () => {
    let clusterIP = '';

    /** Runs `story` while two pods on two nodes ask all the time; fails for the first request that failed. */
    async function underLoad(story: () => Promise<void>, t?: TestContext): Promise<void> {
      const loop = await RequestLoop.start(lab, Object.keys(ASKERS), clusterIP);
      await sleep(300);
      try {
        await story();
        await sleep(300);
      } finally {
        const requests = await loop.endWithoutFailure();
        t?.diagnostic(`${requests} requests`);
      }
    }

    const pods = async (): Promise<Pod[]> => lab.pods(`app=${NAME}`);
    const rolledOut = async (): Promise<unknown> =>
      lab.kubectl(['rollout', 'status', `deployment/${NAME}`, '--timeout=90s'], { timeoutMs: 100_000 });
    async function scaleTo(replicas: number): Promise<void> {
      await lab.kubectl(['scale', `deployment/${NAME}`, `--replicas=${replicas}`]);
      await rolledOut();
      await eventually(`${replicas} pods`, async () => (await pods()).length === replicas, 60_000);
    }

    before(async () => {
      await lab.apply(abruptWebDeployment(NAME, 4), service(NAME, NAME));
      for (const [name, nodeName] of Object.entries(ASKERS)) await lab.apply(sleeper(name, { nodeName }));
      await rolledOut();
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/asker-1', 'pod/asker-2', '--timeout=60s']);
      clusterIP = (await lab.get<Service>(['service', NAME])).spec?.clusterIP ?? '';
    });

    after(async () => {
      const objects = [`deployment/${NAME}`, `service/${NAME}`, 'pod/asker-1', 'pod/asker-2'];
      await lab.kubectl(['delete', ...objects, '--wait', '--ignore-not-found']);
    });

    test('scale from 4 to 2 and back, twice: not one request fails', async () => {
      await underLoad(async () => {
        for (const replicas of [2, 4, 2, 4]) await scaleTo(replicas);
      });
    });

    test('a rolling update: not one request fails, and every pod is another one', async () => {
      const old = (await pods()).map(({ metadata }) => metadata.uid);
      assert.equal(old.length, 4);
      await underLoad(async () => {
        await lab.kubectl(['set', 'env', `deployment/${NAME}`, 'ROUND=2']);
        await rolledOut();
        await eventually('only new pods', async () => (await pods()).length === 4, 60_000);
      });
      for (const { metadata } of await pods()) assert.ok(!old.includes(metadata.uid), `${metadata.name} is an old one`);
      const { status } = await lab.get<Deployment>(['deployment', NAME]);
      assert.equal(status?.updatedReplicas, 4);
    });

    test(`a rolling update of ${STEPS} steps: not one request fails`, async (t) => {
      await underLoad(async () => {
        for (let step = 1; step <= STEPS; step += 1) {
          await lab.kubectl(['set', 'env', `deployment/${NAME}`, `STEP=${step}`]);
          await rolledOut();
        }
      }, t);
      const [pod] = await pods();
      assert.deepEqual(
        pod?.spec?.containers[0]?.env?.find(({ name }) => name === 'STEP'),
        { name: 'STEP', value: String(STEPS) },
      );
    });

    test('pods deleted by hand, one after the other: not one request fails', async () => {
      await underLoad(async () => {
        for (const { metadata } of (await pods()).slice(0, 2)) {
          await lab.kubectl(['delete', 'pod', metadata.name ?? '', '--wait']);
          await rolledOut();
        }
      });
    });
  });
}
