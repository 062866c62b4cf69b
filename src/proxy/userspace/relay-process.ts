/**
 * The relay as a process: it outlives the agent that started it, and the next agent finds it by its socket. Started as
 * `node podwire.mjs internal-relay SOCKET`; a second one for the same socket says that all is well, and ends.
 */
import { chmodSync, mkdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { LineSplitter } from '../../api/lines.ts';
import { maxLineBytes, pidFile, relayArgument, reportVariable, type RelayRequest } from './protocol.ts';
import { Relay } from './relay.ts';

/** Tells whoever started it that the socket is there. */
function report(): void {
  const descriptor = Number(process.env[reportVariable]);
  if (descriptor > 2) writeSync(descriptor, 'listening\n');
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}

/** One agent's requests, answered one after the other. */
function serveAgent(socket: Socket, relay: Relay): void {
  const lines = new LineSplitter(maxLineBytes);
  let turn = Promise.resolve();
  socket.on('error', () => undefined); // close follows
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const line of lines.push(chunk)) {
        const request = JSON.parse(line) as RelayRequest;
        turn = turn.then(async () => void socket.write(`${JSON.stringify(await relay.answer(request))}\n`));
      }
    } catch {
      socket.destroy(); // no agent speaks like that
    }
  });
}

/** Rejects when it can listen nowhere. */
export async function serveRelay(path: string): Promise<void> {
  // Whoever started it is gone some day, and with it the other end of these.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  process.on('SIGHUP', () => undefined).on('SIGINT', () => undefined);
  process.chdir('/');
  if (await isServed(path)) return report();
  const agents = new Set<Socket>();
  const end = (): void => {
    if (!relay.isIdle || agents.size > 0) return;
    for (const file of [pidFile(path), path]) rmSync(file, { force: true });
    process.exit(0);
  };
  const relay = new Relay(end);
  const server = createServer((socket) => {
    agents.add(socket);
    socket.once('close', () => (agents.delete(socket), end()));
    serveAgent(socket, relay);
  });
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  server.listen(path, () => {
    chmodSync(path, 0o600);
    writeFileSync(pidFile(path), `${process.pid}\n`, { mode: 0o600 });
    report();
  });
}

// Run from source this file is the program; inside the bundle the launcher calls serveRelay.
if (import.meta.main && import.meta.filename.endsWith('relay-process.ts')) {
  const [argument, path] = process.argv.slice(2);
  if (argument === relayArgument && path !== undefined) await serveRelay(path);
}
