/**
 * Attaching to a running container: its own standard streams, through the socket that its conmon keeps. That is of type SOCK_SEQPACKET,
 * which Node cannot speak, so a few lines of perl (perl-base is part of every Debian) stand between. conmon waits for whoever is
 * attached: one who reads too slowly is cut off, or the container itself would stand still.
 */
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { startProcess } from '../../kernel/start-process.ts';
import type { AttachOptions, ExecSession } from '../contract.ts';
import { RuntimeError } from '../errors.ts';
import { tellConmon } from './conmon-control.ts';
import { containerOf, type RuntimeNode } from './node.ts';

/** Output that may wait for a slow reader. */
const maxWaitingBytes = 4 * 1024 * 1024;

/**
 * Copies our input to the socket and its packets to our output or error: the first byte of a packet says which (2 or 3). Never waits for
 * the socket while there is something to read from it. The end of our input closes that direction only.
 */
const relay = `
use strict; use Socket;
socket(my $s, PF_UNIX, SOCK_SEQPACKET, 0) or die "socket: $!\\n";
connect($s, pack_sockaddr_un("attach")) or die "connect: $!\\n";
$s->blocking(0); $| = 1; $SIG{PIPE} = "IGNORE";
my ($waiting, $open) = ("", $ARGV[0] eq "stdin");
while (1) {
  my ($r, $w) = ("", "");
  vec($r, fileno($s), 1) = 1;
  vec($r, 0, 1) = 1 if $open && $waiting eq "";
  vec($w, fileno($s), 1) = 1 if $waiting ne "";
  select($r, $w, undef, undef) >= 0 or next;
  if (vec($r, fileno($s), 1)) {
    my $got = sysread($s, my $packet, 65536);
    if (defined $got) {
      last if $got == 0;
      my $fd = ord($packet) == 3 ? \\*STDERR : \\*STDOUT;
      for (my $at = 1; $at < $got;) { my $n = syswrite($fd, $packet, $got - $at, $at); defined $n or exit 0; $at += $n; }
    } else { last unless $!{EAGAIN} || $!{EINTR}; }
  }
  if ($waiting ne "" && vec($w, fileno($s), 1)) {
    my $n = syswrite($s, $waiting);
    if (defined $n) { substr($waiting, 0, $n) = ""; } else { last unless $!{EAGAIN} || $!{EINTR}; }
  }
  if ($open && $waiting eq "" && vec($r, 0, 1)) {
    my $got = sysread(STDIN, $waiting, 8192);
    if (!$got) { $waiting = ""; $open = 0; shutdown($s, 1); }
  }
}
`;

/** The same bytes; `tooSlow` is called when too many of them wait. */
function bounded(source: Readable, tooSlow: () => void): Readable {
  const copy = new PassThrough({ highWaterMark: maxWaitingBytes });
  source.on('data', (chunk: Buffer) => {
    if (!copy.write(chunk)) tooSlow();
  });
  source.once('close', () => copy.end());
  return copy;
}

/**
 * Joins the streams of a running container; what it said before is not heard again. `exitCode` is 0 when the container has ended or the
 * session was, and rejects when there is nothing to attach to. `kill` leaves the container as it is.
 */
export async function attach(node: RuntimeNode, id: string, options: AttachOptions): Promise<ExecSession> {
  const { state, config } = containerOf(node, id);
  if (state !== 'running') throw new RuntimeError(`container ${config.name} (${id}) is ${state}, not running`);
  const stdin = options.stdin && config.stdin;
  const child = await startProcess({
    argv: ['perl', '-MErrno', '-MIO::Handle', '-e', relay, stdin ? 'stdin' : 'none'],
    stdin,
    cwd: join(node.places.sockets, id),
  });
  let said = '';
  const tooSlow = (): void => child.kill('SIGKILL');
  const stderr = child.stderr === undefined ? undefined : bounded(child.stderr, tooSlow);
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-500)));
  const exitCode = child.ended.then(({ exitCode: code }) => {
    if (code === undefined || code === 0) return 0;
    throw new RuntimeError(`container ${config.name} (${id}) cannot be attached to: ${said.trim()}`);
  });
  exitCode.catch(() => undefined); // whoever asks for it gets it
  return {
    stdin: child.stdin,
    stdout: bounded(child.stdout, tooSlow),
    stderr: config.tty ? undefined : stderr,
    resize: (columns, rows) => {
      if (config.tty && columns > 0 && rows > 0) tellConmon(node.places.bundle(id), 'resize', rows, columns);
    },
    exitCode,
    kill: () => child.kill('SIGKILL'),
  };
}
