/**
 * Connections that stay open: run as a program inside a namespace. `serve PORT` echoes; `hold ADDRESS PORT COUNT` opens so many, says
 * how many are open, and for each line of its input sends something through each and says how many sent it back within ten seconds. `count PORT` answers
 * a client that has said all it had with how much that was; `say ADDRESS PORT BYTES` is that client, and says what came back.
 */
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [verb = '', ...args] = process.argv.slice(2);
const say = (text: string | number): void => void process.stdout.write(`${text}\n`);
const echoWithinMs = 10_000;

function serve(port: number): void {
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  server.listen({ port, host: '::', backlog: 4096 }, () => say('ready'));
}

function count(port: number): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0;
    socket.on('error', () => undefined);
    socket.on('data', (data) => (bytes += data.length));
    socket.on('end', () => setTimeout(() => socket.end(`counted ${bytes}`), 100));
  });
  server.listen({ port, host: '::' }, () => say('ready'));
}

/** Its own side is closed while it waits for the answer. */
function tell(address: string, port: number, bytes: number): void {
  const socket = connect({ host: address, port, allowHalfOpen: true });
  let text = '';
  socket.on('error', (error) => say(error.message));
  socket.on('data', (data) => (text += data.toString()));
  socket.on('end', () => say(text));
  socket.end(Buffer.alloc(bytes, 'x'));
}

function open(address: string, port: number): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port }, () => resolve(socket));
    socket.on('error', () => resolve(undefined));
  });
}

function echoes(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), echoWithinMs);
    const end = (isWell: boolean): void => {
      clearTimeout(timer);
      resolve(isWell);
    };
    socket.once('data', () => end(true));
    socket.once('close', () => end(false));
    socket.write('?');
  });
}

async function hold(address: string, port: number, count: number): Promise<void> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = await Promise.all(
      Array.from({ length: Math.min(50, count - sockets.length) }, () => open(address, port)),
    );
    const opened = batch.filter((one) => one !== undefined);
    if (opened.length < batch.length) break;
    sockets.push(...opened);
  }
  say(sockets.length);
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    if (line === '') break;
    say((await Promise.all(sockets.map(echoes))).filter(Boolean).length);
  }
  process.exit(0);
}

if (verb === 'serve' || verb === 'count') {
  (verb === 'serve' ? serve : count)(Number(args[0]));
  process.stdin.on('end', () => process.exit(0)).resume();
} else if (verb === 'say') tell(args[0] ?? '', Number(args[1]), Number(args[2]));
else await hold(args[0] ?? '', Number(args[1]), Number(args[2]));
