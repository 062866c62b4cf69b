/** A kernel on paper: namespaces, veth pairs and aliases as `ip -batch` makes them, with its refusals, and with crashes at any line. */
import { CommandError, type Command, type CommandResult, type Exec } from '../../kernel/exec.ts';

/** What the agent's process sees when it is killed: nothing ever comes back. */
export class KilledError extends Error {
  override readonly name = 'KilledError';
}

interface PaperLink {
  readonly kind: 'veth' | 'ifb';
  /** Where the far end of a veth is. */
  readonly netns: string;
  alias?: string;
  master?: string;
  group?: string;
}

export class PaperKernel {
  readonly namespaces = new Set<string>();
  readonly links = new Map<string, PaperLink>();
  /** What deletes links or namespaces fails. */
  refusesToDelete = false;

  /** The programs of one run of the agent. After `lines` lines that change something it is killed. */
  exec(lines = Number.POSITIVE_INFINITY): Exec {
    let left = lines;
    const spend = (): void => {
      left -= 1;
      if (left < 0) throw new KilledError('killed');
    };
    return {
      run: async (command) => {
        // Others run meanwhile.
        await new Promise((resolve) => setImmediate(resolve));
        if (left < 0) throw new KilledError('killed');
        return this.#run(command, spend);
      },
      start: () => Promise.reject(new Error('the paper kernel starts nothing')),
    };
  }

  /** The aliases of pods that are whole. */
  get aliases(): readonly string[] {
    return [...this.links.values()].flatMap(({ alias, netns }) =>
      alias !== undefined && this.namespaces.has(netns) ? [alias] : [],
    );
  }

  #run({ argv, stdin = '' }: Command, spend: () => void): CommandResult {
    const answer = (stdout: string, stderr = '', exitCode = 0): CommandResult => ({
      exitCode,
      stdout,
      stderr,
      durationMs: 0,
    });
    if (argv[0] === 'ls') return answer([...this.namespaces].join('\n'));
    if (argv[0] === 'conntrack') return answer('');
    if (argv.includes('-json')) return answer(JSON.stringify(this.#show()));
    if (argv.includes('-netns')) return this.#inside(argv[2] ?? '', stdin, answer, spend);
    if (argv[0] === 'tc') return this.#control(stdin, answer, spend);
    if (!argv.includes('-batch')) throw new CommandError({ ...answer(''), ...notKnown(argv) });
    const refused = stdin
      .trim()
      .split('\n')
      .flatMap((line, index) => {
        spend();
        const why = this.#line(line);
        return why === undefined ? [] : [`${why}\nCommand failed -:${index + 1}`];
      });
    return answer('', refused.join('\n'), refused.length === 0 ? 0 : 1);
  }

  /** What happens in there is the pod's own; only whether it can be entered counts. */
  #inside(
    netns: string,
    stdin: string,
    answer: (stdout: string, stderr?: string, exitCode?: number) => CommandResult,
    spend: () => void,
  ): CommandResult {
    stdin.trim().split('\n').forEach(spend);
    const isLinked = [...this.links.values()].some((link) => link.netns === netns);
    return isLinked ? answer('') : answer('', 'Cannot find device "eth0"\nCommand failed -:2', 1);
  }

  /** Whether the links are there is all that it knows of limits. */
  #control(
    stdin: string,
    answer: (stdout: string, stderr: string, exitCode: number) => CommandResult,
    spend: () => void,
  ) {
    const lines = stdin.trim().split('\n');
    lines.forEach(spend);
    const missing = lines.flatMap((line, index) => {
      const device = /^\S+ \S+ dev (\S+)/.exec(line)?.[1] ?? '';
      return this.links.has(device) ? [] : [`Cannot find device "${device}"\nCommand failed -:${index + 1}`];
    });
    return answer('', missing.join('\n'), missing.length === 0 ? 0 : 1);
  }

  #show(): object[] {
    return [...this.links].map(([ifname, { kind, alias, master }]) => ({
      ifname,
      mtu: 1500,
      flags: ['UP'],
      linkinfo: { info_kind: kind },
      ...(alias === undefined ? {} : { ifalias: alias }),
      ...(master === undefined ? {} : { master }),
    }));
  }

  /** What the kernel says against it. */
  #line(line: string): string | undefined {
    const words = line.split(' ');
    const [what, verb, name = '', ...rest] = words;
    const known: Readonly<Record<string, () => string | undefined>> = {
      'netns add': () => this.#addNetns(name),
      'netns exec': () => this.#enter(name),
      'netns delete': () => this.#deleteNetns(name),
      'link add': () => this.#addLink(name, words.at(-1) ?? '', rest.includes('veth') ? 'veth' : 'ifb'),
      'link delete': () => this.#deleteLinks([name, ...rest]),
      'link set': () => this.#setLink(words, /alias "([^"]*)"(?: master (\S+))?/.exec(line)),
    };
    return known[`${what} ${verb}`]?.();
  }

  #enter(name: string): string | undefined {
    return this.namespaces.has(name) ? undefined : 'Cannot open network namespace: No such file or directory';
  }

  #addNetns(name: string): string | undefined {
    if (this.namespaces.has(name)) return `Cannot create namespace file "/run/netns/${name}": File exists`;
    this.namespaces.add(name);
    return undefined;
  }

  /** The far end goes with its namespace, and takes the near one along. */
  #deleteNetns(name: string): string | undefined {
    if (!this.namespaces.has(name))
      return `Cannot remove namespace file "/run/netns/${name}": No such file or directory`;
    if (this.refusesToDelete) return 'Cannot remove namespace file: Device or resource busy';
    this.namespaces.delete(name);
    for (const [link, { netns }] of this.links) if (netns === name) this.links.delete(link);
    return undefined;
  }

  #addLink(name: string, last: string, kind: PaperLink['kind']): string | undefined {
    if (this.links.has(name)) return 'RTNETLINK answers: File exists';
    const netns = kind === 'veth' ? last : '';
    if (kind === 'veth' && !this.namespaces.has(netns))
      return `Error: argument "${netns}" is wrong: Invalid "netns" value`;
    this.links.set(name, { kind, netns });
    return undefined;
  }

  #deleteLinks([word = '', group]: readonly string[]): string | undefined {
    if (this.refusesToDelete) return 'RTNETLINK answers: Device or resource busy';
    const doomed = [...this.links].filter(([name, link]) => (word === 'group' ? link.group === group : name === word));
    for (const [name] of doomed) this.links.delete(name);
    return doomed.length === 0 ? 'RTNETLINK answers: No such device' : undefined;
  }

  #setLink(words: readonly string[], alias: RegExpExecArray | null): string | undefined {
    const link = this.links.get(words[3] ?? '');
    if (link === undefined) return `Cannot find device "${words[3]}"`;
    if (alias !== null) Object.assign(link, { alias: alias[1], ...(alias[2] && { master: alias[2] }) });
    if (words[4] === 'group') link.group = words[5] ?? '';
    return undefined;
  }
}

function notKnown(argv: Command['argv']) {
  return { argv, reason: 'the paper kernel does not know it', timedOut: false, missing: false };
}
