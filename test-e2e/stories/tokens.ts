/** How pods reach the API: by the Service `kubernetes`, with the token and the CA that every container finds in its files. */
import { execa } from 'execa';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Pod } from '../../src/api/types.gen.ts';
import type { Lab } from '../lab.ts';
import { hostPid } from '../request-loop.ts';
import { sleeper } from '../workloads.ts';

const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
const NAMESPACE = 'token-stories';

/** Asks for each path over TLS and prints the codes. What it needs comes on its input, so that no token is in a command line. */
const ASK = `let text = '';
process.stdin.on('data', (part) => { text += part; }).on('end', async () => {
  const { host, ca, token, paths } = JSON.parse(text);
  const headers = token === '' ? {} : { authorization: 'Bearer ' + token };
  const ask = (path) => new Promise((resolve) => {
    const request = require('https').get({ host, path, ca, headers, timeout: 5000 }, (answer) => resolve(answer.resume().statusCode));
    request.on('timeout', () => request.destroy(new Error('no answer'))).on('error', (error) => resolve(error.message));
  });
  console.log(JSON.stringify(await Promise.all(paths.map(ask))));
});`;

export function tokenStories(lab: Lab): void {
  describe('access to the API from a pod', () => {
    const inCaller = async (...argv: string[]): Promise<string> => (await lab.inPod('caller', argv)).stdout;
    const file = (name: string): Promise<string> => inCaller('cat', `${FOLDER}/${name}`);

    before(async () => {
      await lab.apply(sleeper('caller'));
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/caller', '--timeout=60s']);
    });

    after(async () => {
      await lab.kubectl(['delete', 'pod/caller', `namespace/${NAMESPACE}`, '--ignore-not-found']);
    });

    test('a container has a token of its pod, the CA and the name of its namespace, and cannot write there', async () => {
      const claims = JSON.parse(Buffer.from((await file('token')).split('.')[1] ?? '', 'base64url').toString()) as {
        sub: string;
        iat: number;
        exp: number;
        'kubernetes.io': { pod: object };
      };
      const { uid } = (await lab.get<Pod>(['pod', 'caller'])).metadata;
      assert.equal(claims.sub, 'system:serviceaccount:default:default');
      assert.equal(claims.exp - claims.iat, 3607);
      assert.deepEqual(claims['kubernetes.io'].pod, { name: 'caller', uid });
      assert.match(await file('ca.crt'), /^-----BEGIN CERTIFICATE-----/);
      assert.equal(await file('namespace'), 'default');
      const written = await lab.inPod('caller', ['touch', `${FOLDER}/new`], { mayFail: true });
      assert.match(written.stderr, /Read-only file system/);
    });

    test('with them the API answers at the address of its Service: discovery, and 403 for secrets', async () => {
      const [token, ca] = [await file('token'), await file('ca.crt')];
      const host = (await inCaller('sh', '-c', 'echo $KUBERNETES_SERVICE_HOST')).trim();
      const pid = await hostPid(lab, 'caller');
      // The pod's image speaks no TLS: this is a program in the pod's network.
      const ask = async (bearer: string): Promise<unknown> => {
        const input = JSON.stringify({
          host,
          ca,
          token: bearer,
          paths: ['/api', '/api/v1/namespaces/default/secrets'],
        });
        const argv = ['-t', String(pid), '-n', process.execPath, '-e', ASK];
        return JSON.parse((await execa('nsenter', argv, { input, timeout: 30_000 })).stdout) as unknown;
      };
      assert.deepEqual(await ask(token), [200, 403]);
      assert.deepEqual(await ask(`${token}x`), [401, 401]);
    });

    test('a pod that wants no token has no such folder', async () => {
      await lab.apply(sleeper('plain', { automountServiceAccountToken: false }));
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/plain', '--timeout=60s']);
      assert.notEqual((await lab.inPod('plain', ['ls', FOLDER], { mayFail: true })).code, 0);
      await lab.kubectl(['delete', 'pod/plain']);
    });

    test('a pod may come in one breath with its namespace', async () => {
      const home = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };
      const pod = { ...sleeper('early'), metadata: { name: 'early', namespace: NAMESPACE } };
      await lab.apply(home, pod);
      await lab.kubectl(['wait', '-n', NAMESPACE, '--for=condition=Ready', 'pod/early', '--timeout=60s']);
    });

    test('a pod of an account that is not there is refused', async () => {
      const list = JSON.stringify(sleeper('stranger', { serviceAccountName: 'nobody' }));
      const { code, stderr } = await lab.kubectl(['apply', '-f', '-'], { input: list, mayFail: true });
      assert.notEqual(code, 0);
      assert.match(stderr, /error looking up service account default\/nobody: serviceaccount "nobody" not found/);
    });
  });
}
