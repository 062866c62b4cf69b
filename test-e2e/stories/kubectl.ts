/** Everyday kubectl, unmodified. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { eventually, type Lab } from '../lab.ts';
import { service, sleeper, webDeployment } from '../workloads.ts';

export function kubectlStories(lab: Lab): void {
  describe('everyday kubectl', () => {
    after(async () => {
      await lab.kubectl([
        'delete',
        'deployment,service,pod,configmap,secret',
        '-l',
        'story=kubectl',
        '--wait',
        '--ignore-not-found',
      ]);
      await lab.kubectl(['delete', 'namespace', 'team-a', '--ignore-not-found', '--wait']);
    });

    test('get nodes -o wide shows three Ready nodes with their addresses', async () => {
      const { stdout } = await lab.kubectl(['get', 'nodes', '-o', 'wide']);
      assert.match(stdout, /^NAME\s+STATUS\s+ROLES\s+AGE\s+VERSION\s+INTERNAL-IP/);
      assert.equal(stdout.match(/\bReady\b/g)?.length, 3, stdout);
    });

    test('create, scale, rollout status, get -o wide, describe, delete of a Deployment', async () => {
      await lab.kubectl(['create', 'deployment', 'shop', '--image=busybox', '--replicas=2', '--', 'sleep', '1000000']);
      await lab.kubectl(['label', 'deployment', 'shop', 'story=kubectl']);
      await lab.kubectl(['rollout', 'status', 'deployment/shop', '--timeout=60s']);
      await lab.kubectl(['scale', 'deployment/shop', '--replicas=3']);
      await lab.kubectl(['rollout', 'status', 'deployment/shop', '--timeout=60s']);
      const table = (await lab.kubectl(['get', 'pods', '-l', 'app=shop', '-o', 'wide'])).stdout;
      assert.match(table, /^NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE/);
      assert.equal(table.match(/1\/1\s+Running/g)?.length, 3, table);
      assert.match(
        (await lab.kubectl(['describe', 'deployment/shop'])).stdout,
        /3 desired \| 3 updated \| 3 total \| 3 available/,
      );
      assert.match((await lab.kubectl(['get', 'deployment/shop'])).stdout, /shop\s+3\/3\s+3\s+3/);
      const [pod] = await lab.pods('app=shop');
      const text = (await lab.kubectl(['describe', 'pod', pod?.metadata.name ?? ''])).stdout;
      assert.match(text, /Scheduled/);
      assert.match(text, /Started/);
      await lab.kubectl(['delete', 'deployment', 'shop']);
      // Its pods have the usual grace of 30 s, and their shell, being the first process, takes no notice of TERM.
      await eventually('its pods to go', async () => (await lab.pods('app=shop')).length === 0, 60_000);
    });

    test('a watch shows a pod becoming Running and going away', async () => {
      const watching = lab.kubectlProcess(['get', 'pods', '-w', '--output-watch-events', '-l', 'app=watched']);
      let text = '';
      watching.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await lab.apply(sleeper('watched'));
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/watched', '--timeout=60s']);
      await lab.kubectl(['delete', 'pod/watched', '--wait']);
      await eventually('DELETED in the watch', async () => /DELETED\s+watched/.test(text)).finally(() =>
        watching.kill(),
      );
      await watching;
      assert.match(text, /ADDED\s+watched/);
      assert.match(text, /MODIFIED\s+watched\s+1\/1\s+Running/);
    });

    test('apply twice changes nothing, a changed manifest changes just that', async () => {
      const first = await lab.kubectl(['apply', '-f', '-'], {
        input: JSON.stringify(labelled(webDeployment('site', 1))),
      });
      assert.match(first.stdout, /created/);
      const again = await lab.kubectl(['apply', '-f', '-'], {
        input: JSON.stringify(labelled(webDeployment('site', 1))),
      });
      assert.match(again.stdout, /unchanged/);
      const changed = await lab.kubectl(['apply', '-f', '-'], {
        input: JSON.stringify(labelled(webDeployment('site', 2))),
      });
      assert.match(changed.stdout, /configured/);
      await lab.kubectl(['rollout', 'status', 'deployment/site', '--timeout=60s']);
      assert.equal((await lab.pods('app=site')).length, 2);
    });

    test('a rolling update to another command ends with only new pods', async () => {
      const before = (await lab.pods('app=site')).map((pod) => pod.metadata.name);
      const patch = { spec: { template: { metadata: { annotations: { changed: 'yes' } } } } };
      await lab.kubectl(['patch', 'deployment/site', '-p', JSON.stringify(patch)]);
      await lab.kubectl(['rollout', 'status', 'deployment/site', '--timeout=60s']);
      const after = await eventually('the old pods to go', async () => {
        const names = (await lab.pods('app=site')).map((pod) => pod.metadata.name);
        return names.length === 2 && names.every((name) => !before.includes(name)) ? names : undefined;
      });
      assert.equal(after.length, 2);
    });

    test('logs, exec with exit code, and input to exec', async () => {
      await lab.apply(
        sleeper('talker', {
          containers: [
            { name: 'main', image: 'busybox', command: ['sh', '-c', 'echo one; echo two >&2; exec sleep 1000000'] },
          ],
        }),
      );
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/talker', '--timeout=60s']);
      const log = await eventually('two lines', async () => {
        const { stdout } = await lab.kubectl(['logs', 'talker']);
        return stdout.split('\n').length === 2 ? stdout : undefined;
      });
      assert.deepEqual(log.split('\n').sort(), ['one', 'two']);
      assert.equal((await lab.kubectl(['logs', 'talker', '--tail=1'])).stdout.split('\n').length, 1);
      assert.equal((await lab.inPod('talker', ['sh', '-c', 'exit 7'], { mayFail: true })).code, 7);
      assert.equal((await lab.inPod('talker', ['hostname'])).stdout, 'talker');
      const piped = await lab.kubectl(['exec', '-i', 'talker', '--', 'cat'], { input: 'through the wire\n' });
      assert.equal(piped.stdout, 'through the wire');
      await lab.kubectl(['delete', 'pod/talker', '--wait']);
    });

    test('a stale write is refused with a conflict', async () => {
      await lab.kubectl(['create', 'configmap', 'settings', '--from-literal=colour=blue']);
      await lab.kubectl(['label', 'configmap', 'settings', 'story=kubectl']);
      const stale = await lab.get<{ metadata: object }>(['configmap', 'settings']);
      await lab.kubectl(['patch', 'configmap', 'settings', '-p', '{"data":{"colour":"red"}}']);
      const refused = await lab.kubectl(['replace', '-f', '-'], { input: JSON.stringify(stale), mayFail: true });
      assert.match(refused.stderr, /the object has been modified/);
    });

    test('a wrong manifest is refused, naming the field, and nothing is made', async () => {
      const wrong = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'wrong' }, spec: { ports: [{ port: 0 }] } };
      const refused = await lab.kubectl(['create', '-f', '-'], { input: JSON.stringify(wrong), mayFail: true });
      assert.match(refused.stderr, /spec\.ports\[0\]\.port/);
      const unknown = { ...service('wrong', 'x'), spek: {} };
      const strict = await lab.kubectl(['create', '-f', '-'], { input: JSON.stringify(unknown), mayFail: true });
      assert.match(strict.stderr, /unknown field "spek"/);
      assert.notEqual((await lab.kubectl(['get', 'service', 'wrong'], { mayFail: true })).code, 0);
    });

    test('a namespace takes all that is in it along', async () => {
      await lab.kubectl(['create', 'namespace', 'team-a']);
      await lab.kubectl([
        '-n',
        'team-a',
        'create',
        'deployment',
        'inside',
        '--image=busybox',
        '--',
        'sleep',
        '1000000',
      ]);
      await lab.kubectl(['-n', 'team-a', 'create', 'secret', 'generic', 'key', '--from-literal=a=b']);
      await lab.kubectl(['-n', 'team-a', 'rollout', 'status', 'deployment/inside', '--timeout=60s']);
      await lab.kubectl(['delete', 'namespace', 'team-a', '--wait', '--timeout=100s'], { timeoutMs: 110_000 });
      assert.match((await lab.kubectl(['-n', 'team-a', 'get', 'all,secrets'])).stderr, /No resources found/);
    });
  });
}

const labelled = (object: object): object => {
  const { metadata } = object as { metadata: { labels?: Record<string, string> } };
  return { ...object, metadata: { ...metadata, labels: { ...metadata.labels, story: 'kubectl' } } };
};
