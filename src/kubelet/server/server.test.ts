import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';
import { WebSocket } from 'ws';
import { silentLogger } from '../../api/logger.ts';
import type { Pod } from '../../api/types.gen.ts';
import { createAuthority, type KeyPairPem } from '../../pki/index.ts';
import type { ExecSession } from '../../runtime/contract.ts';
import { createFakeRuntime, type FakeRuntime } from '../testing/fake-runtime.ts';
import { startKubeletServer } from './server.ts';

const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
  spec: { containers: [{ name: 'main' }, { name: 'late' }] },
  status: { containerStatuses: [] },
};

const ending = new AbortController();
let runtime: FakeRuntime;
let folder: string;
let logPath: string;
let port: number;
let ca: string;
let apiServer: KeyPairPem;
let stranger: KeyPairPem;
let admin: KeyPairPem;
let user: KeyPairPem;
let node: KeyPairPem;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubelet-server-'));
  const authority = await createAuthority('test');
  const other = await createAuthority('other');
  ca = authority.certPem;
  const serving = await authority.issue({ commonName: 'system:node:n1', ipAddresses: ['127.0.0.1'] });
  apiServer = await authority.issue({ commonName: 'kube-apiserver-kubelet-client' });
  admin = await authority.issue({ commonName: 'jane', organizations: ['system:masters'] });
  user = await authority.issue({ commonName: 'jane', organizations: ['kube-apiserver-kubelet-client'] });
  node = await authority.issue({ commonName: 'system:node:n2', organizations: ['system:nodes'] });
  stranger = await other.issue({ commonName: 'kube-apiserver-kubelet-client', organizations: ['system:masters'] });
  runtime = createFakeRuntime();
  const identity = { namespace: 'default', name: 'web', uid: 'u1', attempt: 0 };
  const sandbox = await runtime.runPodSandbox({
    pod: identity,
    hostname: 'web',
    hostNetwork: false,
    labels: {},
    annotations: {},
  });
  logPath = join(folder, 'main', '0.log');
  await mkdir(dirname(logPath));
  const id = await runtime.createContainer(sandbox.id, {
    name: 'main',
    attempt: 0,
    imageId: '',
    command: [],
    args: [],
    env: [],
    mounts: [],
    tty: false,
    stdin: false,
    privileged: false,
    addCapabilities: [],
    dropCapabilities: [],
    readOnlyRootfs: false,
    logPath,
    labels: {},
  });
  await runtime.startContainer(id);
  await mkdir(join(folder, 'machine/apt'), { recursive: true });
  await writeFile(join(folder, 'machine/apt/a <b>.log'), 'said\n');
  await writeFile(join(folder, 'secret'), 'no\n');
  await symlink('../secret', join(folder, 'machine/out'));
  await symlink('apt', join(folder, 'machine/in'));
  const tls = { cert: serving.certPem, key: serving.keyPem, clientCA: ca };
  const server = await startKubeletServer({
    port: 0,
    host: '127.0.0.1',
    tls,
    runtime,
    pods: () => [pod],
    machineLogs: join(folder, 'machine'),
    logger: silentLogger,
    signal: ending.signal,
  });
  port = server.port;
});

beforeEach(async () => {
  await writeFile(
    logPath,
    [
      '2026-01-01T00:00:01.000000000Z stdout F one\n',
      '2026-01-01T00:00:02.000000000Z stderr F two\n',
      '2026-01-01T00:00:03.000000000Z stdout P thr\n',
      '2026-01-01T00:00:03.000000001Z stdout F ee\n',
    ].join(''),
  );
});

after(async () => {
  ending.abort();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly code: number;
  readonly text: string;
}

async function get(path: string, pair: KeyPairPem | undefined = apiServer, method = 'GET'): Promise<Answer> {
  const client = pair === undefined ? {} : { cert: pair.certPem, key: pair.keyPem };
  const sent = request({ host: '127.0.0.1', port, path, method, ca, agent: false, ...client });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() };
}

const logs = '/containerLogs/default/web/main';

const callers: [string, () => KeyPairPem | undefined, number][] = [
  ['the API server', () => apiServer, 200],
  ['an administrator', () => admin, 200],
  ['somebody else whom the CA signed', () => user, 403],
  ['another node', () => node, 403],
  ['a certificate of another CA', () => stranger, 401],
];

for (const [who, pair, code] of callers) {
  test(`who may call: ${who} gets ${code}`, async () => {
    for (const path of ['/healthz', '/pods', '/metrics', logs]) assert.equal((await get(path, pair())).code, code);
  });
}

test('metrics tell what runs', async () => {
  const { text } = await get('/metrics');
  const wanted = ['kubelet_running_pods 1', 'kubelet_running_containers{container_state="running"} 1'];
  for (const line of wanted) assert.ok(text.split('\n').includes(line), `${line} in ${text}`);
});

test('who may call: nobody without a certificate', async () => {
  const sent = request({ host: '127.0.0.1', port, path: '/healthz', ca, agent: false });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  assert.equal(response.statusCode, 401);
});

test('an exec without a certificate is refused before anything runs', async () => {
  const socket = new WebSocket(
    `wss://127.0.0.1:${port}/exec/default/web/main?command=id&output=1`,
    ['v5.channel.k8s.io'],
    { ca },
  );
  const [error] = (await once(socket, 'error')) as [Error];
  assert.match(error.message, /401/);
});

const logCases: [string, string, string][] = [
  ['all', '', 'one\ntwo\nthree\n'],
  ['the last line, in two entries', '?tailLines=1', 'three\n'],
  ['the last two lines', '?tailLines=2', 'two\nthree\n'],
  ['more lines than there are', '?tailLines=99', 'one\ntwo\nthree\n'],
  ['none', '?tailLines=0', ''],
  ['since', '?sinceTime=2026-01-01T00:00:02Z', 'two\nthree\n'],
  ['bytes', '?limitBytes=5', 'one\nt'],
  ['stderr only', '?stream=Stderr', 'two\n'],
  [
    'timestamps',
    '?timestamps=true',
    '2026-01-01T00:00:01.000000000Z one\n2026-01-01T00:00:02.000000000Z two\n2026-01-01T00:00:03.000000000Z three\n',
  ],
];

for (const [what, query, expected] of logCases) {
  test(`logs: ${what}`, async () => assert.deepEqual(await get(logs + query), { code: 200, text: expected }));
}

const refused: [string, string, number][] = [
  ['a container that never ran', '/containerLogs/default/web/late', 400],
  ['no such container', '/containerLogs/default/web/none', 400],
  ['no such pod', '/containerLogs/default/none/main', 404],
  ['no previous container', `${logs}?previous=true`, 400],
  ['a negative tail', `${logs}?tailLines=-1`, 400],
  ['two kinds of since', `${logs}?sinceSeconds=1&sinceTime=2026-01-01T00:00:02Z`, 400],
  ['an unknown path', '/secrets', 404],
  ['a broken escape', '/containerLogs/%zz/web/main', 400],
];

for (const [what, path, code] of refused) {
  test(`refused: ${what}`, async () => assert.equal((await get(path)).code, code));
}

const machineLogs: [string, string, number, string][] = [
  [
    'a folder',
    '/logs/',
    200,
    '<pre>\n<a href="./apt/">apt/</a>\n<a href="./in">in</a>\n<a href="./out">out</a>\n</pre>\n',
  ],
  ['a folder in it', '/logs/apt/', 200, '<pre>\n<a href="./a%20%3Cb%3E.log">a &#60;b&#62;.log</a>\n</pre>\n'],
  ['a file', '/logs/apt/a%20%3Cb%3E.log', 200, 'said\n'],
  ['a link that stays inside', '/logs/in/', 200, '<pre>\n<a href="./a%20%3Cb%3E.log">a &#60;b&#62;.log</a>\n</pre>\n'],
  ['a folder without its slash', '/logs/apt', 301, ''],
  ['a link that leads out', '/logs/out', 404, '404 page not found'],
  ['a way that leads out', '/logs/..%2Fsecret', 404, '404 page not found'],
  ['what is not there', '/logs/none', 404, '404 page not found'],
  ['a NUL', '/logs/a%00b', 404, '404 page not found'],
];

for (const [what, path, code, text] of machineLogs) {
  test(`logs of the machine: ${what}`, async () => assert.deepEqual(await get(path), { code, text }));
}

interface Exec {
  readonly socket: WebSocket;
  readonly session: {
    readonly stdin: PassThrough;
    readonly stdout: PassThrough;
    readonly stderr: PassThrough;
    end(code: number): void;
    killed: boolean;
    size: string;
  };
  /** Messages as `CHANNEL:text`. */
  readonly messages: string[];
}

async function exec(query: string, protocol = 'v5.channel.k8s.io', route = 'exec'): Promise<Exec> {
  const exit = Promise.withResolvers<number>();
  const session = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    killed: false,
    size: '',
    end(code: number) {
      session.stdout.end();
      session.stderr.end();
      exit.resolve(code);
    },
  };
  runtime.execSession = (): ExecSession => ({
    stdin: session.stdin,
    stdout: session.stdout,
    stderr: session.stderr,
    exitCode: exit.promise,
    resize: (columns, rows) => void (session.size = `${columns}x${rows}`),
    kill: () => {
      session.killed = true;
      session.end(137);
    },
  });
  const url = `wss://127.0.0.1:${port}/${route}/default/web/main?${query}`;
  const socket = new WebSocket(url, [protocol], { ca, cert: apiServer.certPem, key: apiServer.keyPem });
  const messages: string[] = [];
  socket.on('message', (data: Buffer) => messages.push(`${data[0]}:${data.subarray(1).toString()}`));
  await once(socket, 'open');
  return { socket, session, messages };
}

test('exec: output, then the exit code, then the close', async () => {
  const { socket, session, messages } = await exec('command=id&output=1&error=1');
  session.stdout.write('out');
  session.stderr.write('err');
  session.end(0);
  const [code] = (await once(socket, 'close')) as [number];
  assert.equal(code, 1000);
  assert.deepEqual(messages.toSorted(), ['1:out', '2:err', '3:{"metadata":{},"status":"Success"}']);
  assert.equal(messages.at(-1), '3:{"metadata":{},"status":"Success"}');
});

test('exec: an exit code as kubectl reads it', async () => {
  const { socket, session, messages } = await exec('command=false&stdout=true', 'v4.channel.k8s.io');
  session.end(3);
  await once(socket, 'close');
  assert.equal(
    messages.at(-1),
    '3:{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: exit code 3","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}',
  );
});

test('exec: an old client gets no word after success, and plain ones after a failure', async () => {
  const good = await exec('command=id&output=1', 'channel.k8s.io');
  good.session.stdout.write('out');
  good.session.end(0);
  await once(good.socket, 'close');
  assert.deepEqual(good.messages, ['1:out']);
  const bad = await exec('command=false&output=1', 'channel.k8s.io');
  bad.session.end(3);
  await once(bad.socket, 'close');
  assert.deepEqual(bad.messages, ['3:command terminated with non-zero exit code: exit code 3']);
});

test('exec: input, its end, and the size of the terminal', async () => {
  const { socket, session } = await exec('command=cat&input=1&output=1&tty=1');
  const got: Buffer[] = [];
  session.stdin.on('data', (data: Buffer) => got.push(data));
  socket.send(Buffer.concat([Buffer.from([4]), Buffer.from('{"Width":80,"Height":24}')]));
  socket.send(Buffer.concat([Buffer.from([0]), Buffer.from('hello')]));
  socket.send(Buffer.from([255, 0]));
  await once(session.stdin, 'end');
  assert.equal(Buffer.concat(got).toString(), 'hello');
  assert.equal(session.size, '80x24');
  session.end(0);
  await once(socket, 'close');
});

test('attach: the streams of the container, and success when it ends', async () => {
  const { socket, session, messages } = await exec('input=1&output=1&error=1', 'v5.channel.k8s.io', 'attach');
  const got: Buffer[] = [];
  session.stdin.on('data', (data: Buffer) => got.push(data));
  socket.send(Buffer.concat([Buffer.from([0]), Buffer.from('typed')]));
  socket.send(Buffer.from([255, 0]));
  await once(session.stdin, 'end');
  session.stdout.write('said');
  session.end(0);
  await once(socket, 'close');
  assert.equal(Buffer.concat(got).toString(), 'typed');
  assert.deepEqual(messages, ['1:said', '3:{"metadata":{},"status":"Success"}']);
});

test('exec: a client that goes away ends the process', async () => {
  const { socket, session } = await exec('command=sleep&output=1');
  socket.terminate();
  for (let turn = 0; turn < 100 && !session.killed; turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(session.killed, true);
});

test('exec: a command that cannot run is a failure on the error channel', async () => {
  runtime.execSession = undefined;
  const url = `wss://127.0.0.1:${port}/exec/default/web/main?command=none&output=1`;
  const socket = new WebSocket(url, ['v5.channel.k8s.io'], { ca, cert: apiServer.certPem, key: apiServer.keyPem });
  const [message] = (await once(socket, 'message')) as [Buffer];
  assert.equal(message[0], 3);
  const status = JSON.parse(message.subarray(1).toString()) as { status: string; message: string };
  assert.equal(status.status, 'Failure');
  assert.match(status.message, /no such file or directory/);
  socket.terminate();
});

test('exec: an unknown protocol is refused', async () => {
  const url = `wss://127.0.0.1:${port}/exec/default/web/main?command=id&output=1`;
  const socket = new WebSocket(url, ['base64.channel.k8s.io'], { ca, cert: apiServer.certPem, key: apiServer.keyPem });
  const [error] = (await once(socket, 'error')) as [Error];
  assert.match(error.message, /400/);
});

test('logs: following sees what is written, and ends with the container', async () => {
  const sent = request({
    host: '127.0.0.1',
    port,
    path: `${logs}?follow=true&tailLines=1`,
    ca,
    agent: false,
    cert: apiServer.certPem,
    key: apiServer.keyPem,
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  response.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(response, 'data');
  await appendFile(logPath, '2026-01-01T00:00:04.000000000Z stdout F four\n');
  await once(response, 'data', { signal: AbortSignal.timeout(2_000) });
  assert.equal(text, 'three\nfour\n');
  await appendFile(logPath, '2026-01-01T00:00:05.000000000Z stdout F last words\n');
  runtime.exit('web', 'main', 0);
  await once(response, 'end', { signal: AbortSignal.timeout(2_000) });
  assert.equal(text, 'three\nfour\nlast words\n');
});
