/** What goes in and out of pods by kubectl: attach, port-forward, cp, run -i. */
import assert from 'node:assert/strict';
import { execa } from 'execa';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test, type TestContext } from 'node:test';
import { eventually, run, type Lab } from '../lab.ts';
import { sleeper } from '../workloads.ts';

const page = 'mkdir /www; hostname > /www/index.html; httpd -p 8080 -h /www; exec nc -ll -p 7000 -e cat';

/** The whole answer to what is sent; the sending side is closed first. */
async function ask(port: number, question: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
  socket.end(question);
  return text(socket);
}

const get = (port: number): Promise<string> =>
  ask(port, 'GET / HTTP/1.0\r\n\r\n').catch((error: Error) => error.message);

/** A port-forward that stands until the test ends; `ports` are local ones by the pod's. */
async function forwarded(
  t: TestContext,
  lab: Lab,
  args: readonly string[],
): Promise<{ readonly ports: ReadonlyMap<number, number>; readonly said: () => string }> {
  const forwarding = lab.kubectlProcess(['port-forward', ...args]);
  t.after(async () => {
    forwarding.kill();
    await forwarding;
  });
  let said = '';
  for (const stream of [forwarding.stdout, forwarding.stderr])
    stream?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const wanted = args.length - 1;
  const lines = await eventually('the forwarded ports', async () => {
    const found = [...said.matchAll(/Forwarding from 127\.0\.0\.1:(\d+) -> (\d+)/g)];
    return found.length === wanted && found;
  });
  return {
    ports: new Map(lines.map(([, local, remote]) => [Number(remote), Number(local)])),
    said: () => said,
  };
}

export function streamStories(lab: Lab): void {
  let folder = '';
  const kubectlWith = (args: readonly string[], input: string): Promise<Awaited<ReturnType<Lab['kubectl']>>> =>
    lab.kubectl(args, { input, mayFail: true, timeoutMs: 60_000 });

  describe('in and out of pods', () => {
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'podwire-streams-'));
      const containers = [{ name: 'main', image: 'busybox', command: ['sh', '-c', page] }];
      await lab.apply(sleeper('streams', { containers }));
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/streams', '--timeout=60s']);
    });

    after(async () => {
      await rm(folder, { recursive: true, force: true });
      await lab.kubectl([
        'delete',
        'pod/streams',
        'pod/streams-talk',
        'service/streams',
        '--ignore-not-found',
        '--wait',
      ]);
    });

    test('port-forward: a port where nobody listens harms neither the other port nor the session', async (t) => {
      const { ports, said } = await forwarded(t, lab, ['pod/streams', ':8080', ':9']);
      const [web = 0, dead = 0] = [ports.get(8080), ports.get(9)];
      await eventually('the page', async () => (await get(web)).endsWith('streams\n'));
      for (let turn = 0; turn < 3; turn += 1) {
        assert.doesNotMatch(await get(dead), /HTTP/);
        assert.match(await get(web), /streams\n$/);
      }
      assert.doesNotMatch(said(), /lost connection/);
    });

    test('port-forward: many at once, much data, and the end of one direction only', async (t) => {
      const { ports } = await forwarded(t, lab, ['pod/streams', ':8080', ':7000']);
      const [web = 0, echo = 0] = [ports.get(8080), ports.get(7000)];
      await eventually('the page', async () => (await get(web)).endsWith('streams\n'));
      const pages = await Promise.all(Array.from({ length: 40 }, () => get(web)));
      assert.equal(pages.filter((each) => each.endsWith('streams\n')).length, 40);
      const much = randomBytes(1_000_000).toString('hex');
      assert.ok((await ask(echo, much)) === much, 'what came back is not what was sent');
    });

    test('port-forward to a Service', async (t) => {
      await lab.kubectl(['expose', 'pod', 'streams', '--port=80', '--target-port=8080', '--name=streams']);
      const { ports } = await forwarded(t, lab, ['service/streams', ':80']);
      await eventually('the page', async () => (await get(ports.get(8080) ?? 0)).endsWith('streams\n'));
    });

    test('cp takes a folder into a pod and out again', async () => {
      await mkdir(join(folder, 'there/deep'), { recursive: true });
      await writeFile(join(folder, 'there/word'), 'hello\n');
      const bytes = randomBytes(2_000_000);
      await writeFile(join(folder, 'there/deep/bytes'), bytes);
      await lab.kubectl(['cp', join(folder, 'there'), 'streams:/tmp/there']);
      assert.equal((await lab.inPod('streams', ['cat', '/tmp/there/word'])).stdout, 'hello');
      await lab.kubectl(['cp', 'streams:/tmp/there', join(folder, 'back')]);
      assert.ok(bytes.equals(await readFile(join(folder, 'back/deep/bytes'))));
    });

    test('attach: talks to the very process of the container, and its end of input is the end', async () => {
      const script = 'while read word; do echo "out $word"; echo "err $word" >&2; done; echo over';
      const main = { name: 'main', image: 'busybox', stdin: true, stdinOnce: true, command: ['sh', '-c', script] };
      await lab.apply(sleeper('streams-talk', { restartPolicy: 'Never', containers: [main] }));
      await lab.kubectl(['wait', '--for=condition=Ready', 'pod/streams-talk', '--timeout=60s']);
      const { stdout, stderr, code } = await kubectlWith(['attach', '-i', 'streams-talk'], 'one\ntwo\n');
      assert.equal(code, 0, stderr);
      assert.equal(stdout, 'out one\nout two\nover');
      assert.match(stderr, /err one\nerr two/);
      await lab.kubectl(['wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/streams-talk', '--timeout=30s']);
      assert.match((await lab.kubectl(['logs', 'streams-talk'])).stdout, /out one[^]*over/);
    });

    test('run -i --rm: input, output and the exit code', async () => {
      const script = 'sleep 1; cat; exit 3';
      const args = [
        'run',
        'streams-quick',
        '-i',
        '--rm',
        '--restart=Never',
        '--image=busybox',
        '--',
        'sh',
        '-c',
        script,
      ];
      const { stdout, code } = await kubectlWith(args, 'typed\n');
      assert.match(stdout, /^typed/);
      assert.equal(code, 3);
      assert.notEqual((await lab.kubectl(['get', 'pod', 'streams-quick'], { mayFail: true })).code, 0);
    });

    test('run -it --rm: a shell on a terminal', async () => {
      const line = `kubectl --kubeconfig ${lab.kubeconfig} run streams-shell -it --rm --restart=Never --image=busybox -- sh`;
      const shell = execa('script', ['-qec', line, '/dev/null'], { reject: false, timeout: 60_000 });
      let said = '';
      shell.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      await eventually('a prompt', async () => /command prompt|# /.test(said));
      shell.stdin.write('test -t 0 && echo a "terminal"\n');
      await eventually('its answer', async () => said.includes('a terminal'));
      shell.stdin.write('exit\n');
      const { exitCode } = await shell;
      assert.equal(exitCode, 0, said);
    });

    test('explain knows the fields', async () => {
      assert.match((await lab.kubectl(['explain', 'pod.spec'])).stdout, /nodeName\s+<string>/);
      assert.match((await lab.kubectl(['explain', 'daemonset.spec.updateStrategy'])).stdout, /rollingUpdate/);
      assert.notEqual(
        (await run(['kubectl', '--kubeconfig', lab.kubeconfig, 'explain', 'pod.none'], { mayFail: true })).code,
        0,
      );
    });
  });
}
