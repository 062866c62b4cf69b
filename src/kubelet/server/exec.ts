/** `/exec/{namespace}/{pod}/{container}` and `/attach/…`: a WebSocket to a new process in a container, or to its own. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Logger } from '../../api/logger.ts';
import type { RuntimeService } from '../../runtime/contract.ts';
import { HttpError } from './errors.ts';
import { execProtocols } from './exec-channels.ts';
import { joinExec, refuseExec, type ExecStreams } from './exec-session.ts';
import type { ContainerFinder, ContainerPath } from './find-container.ts';

export interface ExecHandler {
  /** Takes over the connection. Throws an HttpError before it did. */
  upgrade(
    what: 'exec' | 'attach',
    path: ContainerPath,
    query: URLSearchParams,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void>;
  close(): void;
}

export interface ExecHandlerOptions {
  readonly runtime: RuntimeService;
  readonly finder: ContainerFinder;
  readonly logger: Logger;
}

const maxMessageBytes = 4 * 1024 * 1024;
const maxArguments = 4096;

function flag(query: URLSearchParams, ...names: readonly string[]): boolean {
  return names.some((name) => ['1', 'true'].includes((query.get(name) ?? '').toLowerCase()));
}

interface ExecRequest extends ExecStreams {
  /** Undefined: the container's own process. */
  readonly command: readonly string[] | undefined;
  readonly tty: boolean;
}

/** Both the kubelet's own names for the streams and those of the API are understood. */
function parseExec(what: 'exec' | 'attach', query: URLSearchParams): ExecRequest {
  const command = what === 'exec' ? query.getAll('command') : undefined;
  if (command !== undefined && (command.length === 0 || command.length > maxArguments))
    throw new HttpError(400, 'command is missing or too long');
  const tty = flag(query, 'tty');
  const request = {
    command,
    tty,
    stdin: flag(query, 'input', 'stdin'),
    stdout: flag(query, 'output', 'stdout'),
    stderr: flag(query, 'error', 'stderr') && !tty,
  };
  if (!request.stdin && !request.stdout && !request.stderr)
    throw new HttpError(400, 'you must specify at least 1 of stdin, stdout, stderr');
  return request;
}

/** Serves any number of execs at once. */
export function createExecHandler({ runtime, finder, logger }: ExecHandlerOptions): ExecHandler {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => execProtocols.find((protocol) => offered.has(protocol)) ?? false,
  });

  const run = async (socket: WebSocket, containerId: string, request: ExecRequest): Promise<void> => {
    const { command, tty, stdin } = request;
    // What the client sends meanwhile waits in the connection.
    socket.pause();
    socket.on('error', () => socket.terminate());
    try {
      const session =
        command === undefined
          ? await runtime.attach(containerId, { stdin })
          : await runtime.exec(containerId, { command, tty, stdin });
      await Promise.all([joinExec(socket, session, request, logger), Promise.resolve().then(() => socket.resume())]);
    } catch (error) {
      socket.resume();
      refuseExec(
        socket,
        `${command === undefined ? 'error attaching to container' : 'error executing command in container'}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  };

  return {
    async upgrade(what, path, query, request, connection, head) {
      const wanted = parseExec(what, query);
      // First, since kubectl asks again in another way and shows only the answer to that.
      const { container } = await finder.find(path);
      if (container.state !== 'running')
        throw new HttpError(400, `container "${path.container}" in pod "${path.pod}" is not running`);
      const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
      if (!execProtocols.some((protocol) => offered.includes(protocol))) {
        throw new HttpError(400, `none of the offered protocols is known; known are ${execProtocols.join(', ')}`);
      }
      server.handleUpgrade(request, connection, head, (socket) => void run(socket, container.id, wanted));
    },
    close() {
      for (const socket of server.clients) socket.terminate();
    },
  };
}
