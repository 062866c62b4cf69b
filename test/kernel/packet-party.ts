/**
 * The other end of packet tests: run as a program inside a namespace. `serve NAME TCP UDP` answers every connection and
 * datagram with its name and the source it saw; `ask PROTOCOL ADDRESS PORT TIMES` prints, a line each, what came back or how it failed.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';

const [verb = '', ...args] = process.argv.slice(2);
const answerWithinMs = 1500;

function serve(name: string, tcpPort: number, udpPort: number): void {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`${name} ${socket.remoteAddress ?? ''}`);
  });
  const udp = createSocket('udp4');
  udp.on('message', (_message, { address, port }) => udp.send(`${name} ${address}`, port, address));
  server.listen(tcpPort, '0.0.0.0', () => udp.bind(udpPort, () => process.stdout.write('ready\n')));
  process.stdin.on('end', () => process.exit(0)).resume();
}

/** One question; the answer's text, or the code of the failure. */
function ask(protocol: string, address: string, port: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve('timeout'), answerWithinMs);
  const failed = (error: NodeJS.ErrnoException): void => resolve(error.code ?? 'error');
  if (protocol === 'tcp') {
    const socket = connect({ host: address, port });
    socket.on('error', failed);
    socket.on('data', (data) => resolve(data.toString()));
    void promise.then(() => socket.destroy());
  } else {
    const socket = createSocket('udp4');
    socket.on('error', failed);
    socket.on('message', (data) => resolve(data.toString()));
    // Connected, so that a refusal comes back as an error.
    socket.connect(port, address, () => socket.send('?'));
    void promise.then(() => socket.close());
  }
  return promise.finally(() => clearTimeout(timer));
}

if (verb === 'serve') serve(args[0] ?? '', Number(args[1]), Number(args[2]));
else {
  const [protocol = '', address = '', port, times] = args;
  for (let index = 0; index < Number(times); index += 1) {
    process.stdout.write(`${await ask(protocol, address, Number(port))}\n`);
  }
}
