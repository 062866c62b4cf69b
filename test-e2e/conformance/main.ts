/**
 * scripts/conformance [FOCUS]: upstream's own tests against a lab of three nodes, beside the ledger. Without FOCUS (a regular
 * expression over full names) the tests that the ledger knows are run.
 */
import { execa } from 'execa';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Lab } from '../lab.ts';
import { clientOn, type Client } from './client.ts';
import { importImages } from './images.ts';
import { differences, ledgerFaults, testsToRun, type Ledger, type Outcome } from './ledger.ts';
import { programPath } from './programs.ts';
import { defaultProfile, profiles } from './profiles.ts';
import { focusOn, outcomesOf } from './report.ts';
import { NotHereError } from './settings.ts';

const root = join(import.meta.dirname, '../..');
const podwire = join(root, 'scripts/podwire');

/** The exit code of a run that could not be: automake's word for a skip. */
const skipped = 77;
/** Beyond ginkgo's own limit: it writes its report after that. */
const graceMs = 3 * 60_000;

const usage = `scripts/conformance [FOCUS] [options]
  --quick               a dozen tests instead of all that the ledger knows
  --skip REGEX          none whose full name matches
  --proxy-mode MODE     iptables (default) or nftables
  --profile NAME        the lab: ${Object.keys(profiles).join(', ')} (profiles.ts); ${defaultProfile} unless told
  --procs N             tests at a time (4)
  --timeout MINUTES     of the whole run (40)
  --kubeconfig FILE     a cluster that is there, instead of a lab of its own; its nodes have the images
  --lab NAME            name of that lab (conformance)
  --remake-images       also those that the store has
  --out DIR             where junit.xml, report.json and log go`;

function readOptions() {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: flag,
      'proxy-mode': { ...text, default: 'iptables' },
      profile: { ...text, default: defaultProfile },
      procs: { ...text, default: '4' },
      timeout: { ...text, default: '40' },
      skip: text,
      kubeconfig: text,
      lab: { ...text, default: 'conformance' },
      'remake-images': flag,
      out: text,
      help: flag,
    },
  });
  return { ...values, focus: positionals[0], out: values.out ?? join(tmpdir(), `conformance-${Date.now()}`) };
}

type Options = ReturnType<typeof readOptions>;

/** Some tests need nodes in three zones. */
const labConfig = JSON.stringify({
  nodes: ['a', 'b', 'c'].map((zone) => ({ role: 'worker', labels: { 'topology.kubernetes.io/zone': `zone-${zone}` } })),
});

const say = (text: string): void => console.log(`conformance: ${text}`);

/** Runs the tests; what they print goes to a file, since it is long. */
async function runTests(options: Options, client: Client, focus: string): Promise<readonly Outcome[]> {
  const { out, procs, timeout } = options;
  const [test, ginkgo] = [await programPath('e2e.test', say), await programPath('ginkgo', say)];
  const ours = [`--procs=${procs}`, `--focus=${focus}`, `--timeout=${timeout}m`, '--no-color', '--silence-skips'];
  if (options.skip !== undefined) ours.push(`--skip=${options.skip}`);
  const reports = [`--output-dir=${out}`, '--json-report=report.json', '--junit-report=junit.xml', '--keep-going'];
  const theirs = [
    ...['--provider=skeleton', `--kubeconfig=${client.kubeconfig}`, '--num-nodes=3', '--allowed-not-ready-nodes=0'],
    ...['--disable-log-dump', '--delete-namespace-on-failure=true', '--system-pods-startup-timeout=2m'],
  ];
  const [program = ginkgo, ...first] = [...client.enter, ginkgo];
  const running = execa(program, [...first, ...ours, ...reports, test, '--', ...theirs], {
    ...{
      cwd: out,
      reject: false,
      stdin: 'ignore',
      all: true,
      buffer: false,
      timeout: Number(timeout) * 60_000 + graceMs,
    },
  });
  running.all.pipe(createWriteStream(join(out, 'log')));
  await running;
  const report = await readFile(join(out, 'report.json'), 'utf8').catch(() => {
    throw new Error(`the tests wrote no report: see ${join(out, 'log')}`);
  });
  return outcomesOf(report);
}

function print(outcomes: readonly Outcome[], seconds: number): void {
  for (const { verdict, seconds: own, name, why } of outcomes) {
    console.log(`${verdict.padEnd(4)} ${own.toFixed(1).padStart(6)} s  ${name}${why === '' ? '' : `\n        ${why}`}`);
  }
  const count = (verdict: string): number => outcomes.filter((each) => each.verdict === verdict).length;
  say(`${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped in ${seconds.toFixed(0)} s`);
}

/** `from` is the profile's. */
async function clientOf({ kubeconfig = '', out }: Options, lab: Lab | undefined, from?: string): Promise<Client> {
  if (lab === undefined) return { enter: [], kubeconfig };
  return from === undefined ? { enter: [], kubeconfig: lab.kubeconfig } : clientOn(lab, podwire, from, out);
}

/** Answers the exit code. */
async function run(options: Options): Promise<number> {
  const { focus, out, profile } = options;
  const { up: lines, from } = profiles[profile] ?? {};
  if (lines === undefined) throw new Error(`there is no profile ${profile}: ${Object.keys(profiles).join(', ')}`);
  const mode = options['proxy-mode'];
  const faults = ledgerFaults(ledger);
  await mkdir(out, { recursive: true });
  await programPath('e2e.test', say);
  const lab = options.kubeconfig === undefined ? new Lab(options.lab) : undefined;
  try {
    if (lab !== undefined) {
      await importImages(podwire, { again: options['remake-images'], more: !options.quick, say });
      await writeFile(join(out, 'lab.yaml'), labConfig);
      await lab.up(['--config', join(out, 'lab.yaml'), '--proxy-mode', mode, ...lines]);
    }
    const client = await clientOf(options, lab, from);
    say(
      `${wanted.length || 'chosen'} tests, profile ${profile}, proxy mode ${mode}; log, report and junit.xml in ${out}`,
    );
    const start = performance.now();
    const outcomes = await runTests(options, client, focus ?? focusOn(wanted));
    print(outcomes, (performance.now() - start) / 1000);
    const found = [...faults, ...differences(ledger, { mode, profile }, outcomes, wanted)];
    for (const line of found) console.log(`DIFFERS ${line}`);
    say(found.length === 0 ? 'all as the ledger says' : `${found.length} differences from the ledger`);
    return outcomes.length === 0 || found.length > 0 ? 1 : 0;
  } finally {
    await lab?.podwire(['down'], { mayFail: true });
  }
}

const ledger = JSON.parse(readFileSync(join(import.meta.dirname, 'ledger.json'), 'utf8')) as Ledger;
const options = readOptions();
const wanted = options.focus === undefined ? testsToRun(ledger, options.profile, options.quick) : [];
if (options.help) console.log(usage);
else {
  try {
    process.exitCode = await run(options);
  } catch (error) {
    if (!(error instanceof NotHereError)) throw error;
    console.log(`conformance: SKIPPED, ${wanted.length || 'all chosen'} tests: ${error.message}`);
    process.exitCode = skipped;
  }
}
