/** From nothing to three Ready nodes and the first Ready pod, beside the peer; one cluster at a time, alternated. */
import { command, contenders, ours, type Contender } from './contenders.ts';
import { table, type Round } from './figures.ts';

/** Milliseconds from create to Ready of one pod. */
async function firstPod({ kubeconfig, image }: Contender): Promise<number> {
  const argv = [process.execPath, `${import.meta.dirname}/pod-figures.ts`, kubeconfig, image, '1', '0'];
  return (JSON.parse(await command(argv)) as Round)['create → Ready, p50 ms'] ?? Number.NaN;
}

async function measure(contender: Contender): Promise<Round> {
  const start = performance.now();
  await command(contender.up);
  if (contender.upTimes !== undefined) {
    const { ready, firstPod: first } = JSON.parse(await command(contender.upTimes)) as {
      ready: number;
      firstPod: number;
    };
    return { 'all nodes Ready, ms': ready * 1000, 'first pod Ready, ms': first * 1000 };
  }
  const ready = performance.now() - start;
  return {
    'all nodes Ready, ms': Math.round(ready),
    'first pod Ready, ms': Math.round(ready + (await firstPod(contender))),
  };
}

const rounds: Record<string, Round[]> = {};
const all = contenders();
await command(ours.down);
for (let round = 0; round < Number(process.env['ROUNDS'] ?? '3'); round++) {
  for (const contender of all) {
    const figures = await measure(contender);
    await command(contender.down);
    (rounds[contender.name] ??= []).push(figures);
    console.error(`round ${round + 1}, ${contender.name}: ${JSON.stringify(figures)}`);
  }
}
console.log(table(rounds));
console.log(JSON.stringify({ bench: 'up', rounds }));
