/** Which floor may stand on which. The left side may import the right side; everything may import `api` and itself. */
const floors = {
  api: [],
  kernel: [],
  pki: [],
  store: [],
  apiserver: ['store', 'pki'],
  controllers: ['pki'],
  scheduler: [],
  runtime: ['kernel'],
  network: ['kernel'],
  proxy: ['kernel'],
  kubelet: ['kernel', 'runtime', 'pki'],
  dns: [],
  lab: ['kernel', 'pki'],
  cli: [
    'kernel',
    'pki',
    'store',
    'apiserver',
    'controllers',
    'scheduler',
    'runtime',
    'network',
    'proxy',
    'kubelet',
    'dns',
    'lab',
  ],
};

const instead = {
  api: 'api stands on nothing: move the code up to the floor that needs both.',
  kernel: 'kernel knows Linux only: pass Kubernetes facts in as arguments.',
  controllers:
    'controllers, scheduler, kubelet, proxy and network reach the cluster only through the client of src/api.',
};

module.exports = {
  forbidden: [
    ...Object.entries(floors).map(([floor, below]) => ({
      name: `floor-${floor}`,
      severity: 'error',
      comment: `src/${floor} may import only api, itself${below.map((b) => `, ${b}`).join('')}. ${instead[floor] ?? 'Put parts together in cli or lab, or pass an interface in.'}`,
      from: { path: `^src/${floor}/` },
      to: { path: '^src/', pathNot: `^src/(${[floor, 'api', ...below].join('|')})/` },
    })),
    {
      name: 'no-node-in-plans',
      severity: 'error',
      comment: 'A plan is pure data in, data out: read in observed*.ts, write in apply*.ts.',
      from: { path: '^src/.*/plan[^/]*\\.ts$', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-circular',
      severity: 'error',
      comment: 'A cycle hides a third noun: give it a file.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '\\.test\\.ts$' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] },
  },
};
