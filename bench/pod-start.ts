/** Pod create → Ready and delete → gone, one at a time and many at once, beside the peer; both clusters are up, rounds alternate. */
import { command, contenders } from './contenders.ts';
import { table, type Round } from './figures.ts';

const rounds: Record<string, Round[]> = {};
for (let round = 0; round < Number(process.env['ROUNDS'] ?? '3'); round++) {
  for (const { name, kubeconfig, image, enter = [] } of contenders()) {
    const argv = [...enter, process.execPath, `${import.meta.dirname}/pod-figures.ts`, kubeconfig, image, '20', '50'];
    const figures = JSON.parse(await command(argv)) as Round;
    (rounds[name] ??= []).push(figures);
    console.error(`round ${round + 1}, ${name}: ${JSON.stringify(figures)}`);
  }
}
console.log(table(rounds));
console.log(JSON.stringify({ bench: 'pod-start', rounds }));
