/**
 * Datagrams that nobody answers: run as a program inside a namespace. `hear PORT` counts them, and for each line of its input says how
 * many it has heard; `send ADDRESS PORT` sends one every 10 ms, always from the same port of its own. Ends with its standard input.
 */
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

const [verb = '', ...args] = process.argv.slice(2);
const say = (text: string | number): void => void process.stdout.write(`${text}\n`);
const everyMs = 10;

function hear(port: number): void {
  let heard = 0;
  const socket = createSocket({ type: 'udp6' });
  socket.on('message', () => (heard += 1));
  socket.bind(port, '::', () => say('ready'));
  createInterface({ input: process.stdin }).on('line', () => say(heard));
}

function send(address: string, port: number): void {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  // A refusal is no reason to stop: senders of logs and metrics do not either.
  socket.on('error', () => undefined);
  socket.bind(0, () => say('ready'));
  setInterval(() => socket.send('!', port, address, () => undefined), everyMs);
}

if (verb === 'hear') hear(Number(args[0]));
else send(args[0] ?? '', Number(args[1]));
process.stdin.on('end', () => process.exit(0)).resume();
