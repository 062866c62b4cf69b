/** A program of its own: `receive PORT` tells the bits a second of one connection, `send HOST PORT BYTES` makes one. */
import { connect, createServer } from 'node:net';

const [what = '', ...rest] = process.argv.slice(2);

function receive(port: number): void {
  const server = createServer((socket) => {
    const began = performance.now();
    let bytes = 0;
    socket.on('data', (chunk) => (bytes += chunk.length));
    socket.on('end', () => {
      process.stdout.write(`${Math.round((bytes * 8) / ((performance.now() - began) / 1000))}\n`);
      socket.end();
      server.close();
    });
  });
  server.listen(port, '0.0.0.0', () => process.stdout.write('ready\n'));
}

function send(host: string, port: number, bytes: number): void {
  connect(port, host).end(Buffer.alloc(bytes)).resume();
}

if (what === 'receive') receive(Number(rest[0]));
else send(rest[0] ?? '', Number(rest[1]), Number(rest[2]));
