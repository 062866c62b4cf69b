/**
 * Services of type LoadBalancer get an address and a node that answers for it. Both are written into the Service itself: the
 * address into its status, the node into an annotation, which that node's agent follows. So nothing moves when this starts
 * anew. As long as a Service has an address, upstream's finalizer holds it (KEP-980): it goes when the address is free again.
 */
import { isNotFound } from '../../api/errors.ts';
import { keyOf, type Informer } from '../../api/informer.ts';
import { answeredByAnnotation } from '../../api/load-balancer.ts';
import { endpointSlices, nodes, services } from '../../api/resources.ts';
import type { EndpointSlice, LoadBalancerIngress, Node, Service } from '../../api/types.gen.ts';
import { namespacedKey, startController, withKind, type ControllerContext } from '../controller.ts';
import { serviceNameLabel } from '../endpoints/slice-owner.ts';
import { OwnWrites } from '../own-writes.ts';
import { semanticEqual } from '../semantic-equal.ts';
import { addressesOf } from './choose-addresses.ts';
import { canAnswer } from './choose-node.ts';
import { choosePlace, nodeAddresses, Segment, type LoadBalancerRange } from './segment.ts';

/** The `loadBalancerClass` that means this controller, as no class does. */
const ownClass = 'podwire.dev/lab';

const cleanupFinalizer = 'service.kubernetes.io/load-balancer-cleanup';

export interface LoadBalancerOptions {
  /** One for each network that nodes stand on. Without any, Services that have an address from before lose it. */
  readonly loadBalancerRanges: readonly LoadBalancerRange[];
}

const hasOurClass = ({ spec }: Service): boolean => (spec?.loadBalancerClass ?? ownClass) === ownClass;

const isOurs = (service: Service): boolean => service.spec?.type === 'LoadBalancer' && hasOurClass(service);

const isHeld = ({ metadata }: Service): boolean => metadata.finalizers?.includes(cleanupFinalizer) === true;

const answeredBy = ({ metadata }: Service): string | undefined => metadata.annotations?.[answeredByAnnotation];

/** What the choice of a node looks at. */
const standOf = (node: Node): string => [canAnswer(node), ...nodeAddresses(node)].join();

const sliceIndexes = {
  serviceName: ({ metadata: { namespace, labels } }: EndpointSlice): string[] => [
    `${namespace}/${labels?.[serviceNameLabel]}`,
  ],
};

class LoadBalancers {
  readonly #context: ControllerContext;
  readonly segments: readonly Segment[];
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly nodes: Informer<Node>;
  readonly #writes: OwnWrites<Service>;
  /** Services that lack an address, and the last word told about each. */
  readonly #lacking = new Map<string, string>();

  constructor(context: ControllerContext, { loadBalancerRanges }: LoadBalancerOptions) {
    const { informers } = context;
    this.#context = context;
    this.segments = loadBalancerRanges.map((range) => new Segment(range));
    this.services = informers.informer(services);
    this.slices = informers.informer(endpointSlices, { indexes: sliceIndexes });
    this.nodes = informers.informer(nodes);
    this.#writes = new OwnWrites<Service>(this.services);
  }

  /** The keys that can go on now, since something was given back. */
  async reconcile(key: string): Promise<readonly string[]> {
    const service = this.#writes.get(key);
    if (service !== undefined && this.#isWanted(service)) return this.#ensure(key, service);
    this.#lacking.delete(key);
    if (service !== undefined && this.#isLeft(service)) await this.#write(service, [], undefined);
    return this.#giveBack(key, []);
  }

  #isWanted(service: Service): boolean {
    return this.segments.length > 0 && service.metadata.deletionTimestamp === undefined && isOurs(service);
  }

  /** It has what it wants no more. Without ranges the finalizer alone may be that of another controller. */
  #isLeft(service: Service): boolean {
    return answeredBy(service) !== undefined || (this.segments.length > 0 && isHeld(service) && hasOurClass(service));
  }

  async #ensure(key: string, service: Service): Promise<readonly string[]> {
    const before = answeredBy(service);
    const candidates = { nodes: this.nodes.list(), slices: this.slices.byIndex('serviceName', key) };
    const { addresses, problem, node } = choosePlace(service, this.segments, before, candidates);
    this.#tellProblem(service, problem);
    const ingress = addresses.map((ip) => ({ ip, ipMode: 'VIP' }));
    const isWritten = semanticEqual(service.status?.loadBalancer?.ingress, ingress) && before === node;
    if (isWritten && isHeld(service) === addresses.length > 0) return [];
    await this.#write(service, ingress, node);
    const text = node === undefined ? 'no node can answer for it' : `node ${node} answers for it`;
    if (addresses.length > 0) this.#tell(service, 'Normal', 'EnsuredLoadBalancer', `${addresses.join(', ')}: ${text}`);
    return this.#giveBack(key, addresses);
  }

  async #write(service: Service, ingress: readonly LoadBalancerIngress[], node: string | undefined): Promise<void> {
    const isFree = ingress.length === 0;
    const finalizers = isFree ? '$deleteFromPrimitiveList/finalizers' : 'finalizers';
    const patch = {
      metadata: {
        uid: service.metadata.uid,
        annotations: { [answeredByAnnotation]: node ?? null },
        [finalizers]: [cleanupFinalizer],
      },
      status: { loadBalancer: { ingress: isFree ? null : ingress } },
    };
    const options = { type: 'strategic', subresource: 'status' } as const;
    try {
      const { client } = this.#context;
      this.#writes.wrote('', await client.patch(services, namespacedKey(keyOf(service)), patch, options));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Frees what the Service has no more. */
  #giveBack(key: string, kept: readonly string[]): readonly string[] {
    const freed = this.segments.flatMap(({ pools }) => pools.map((pool) => pool.release(key, kept)));
    return freed.includes(true) ? [...this.#lacking.keys()] : [];
  }

  /** Told once, until it is another trouble. */
  #tellProblem(service: Service, problem: string | undefined): void {
    const key = keyOf(service);
    const before = this.#lacking.get(key);
    if (problem === undefined) this.#lacking.delete(key);
    else this.#lacking.set(key, problem);
    if (problem !== undefined && problem !== before)
      this.#tell(service, 'Warning', 'SyncLoadBalancerFailed', `No address for a load balancer: ${problem}`);
  }

  #tell(service: Service, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#context.events.event(withKind(services, service), type, reason, message);
  }
}

/** Starts the controller; it ends with the context's signal. Throws for what is no range. */
export function startLoadBalancerController(context: ControllerContext, options: LoadBalancerOptions): void {
  const balancers = new LoadBalancers(context, options);
  const { segments, services: known, slices, nodes: machines } = balancers;
  const pools = segments.flatMap((segment) => segment.pools);
  const queue = startController(context, {
    name: 'load-balancer',
    after: [known, slices, machines],
    concurrency: 1,
    reconcile: async (key) => {
      for (const other of await balancers.reconcile(key)) queue.add(other);
    },
  });
  // Handlers run before any key is worked on, so the pools know all that is taken before they give anything away.
  known.onChange(({ type, object }) => {
    const key = keyOf(object);
    const ours = type !== 'deleted' && isOurs(object);
    for (const address of ours ? addressesOf(object) : []) for (const pool of pools) pool.occupy(address, key);
    queue.add(key);
  });
  slices.onChange(({ object }) => {
    const service = known.get(sliceIndexes.serviceName(object)[0] ?? '');
    if (service !== undefined && isOurs(service) && service.spec?.externalTrafficPolicy === 'Local')
      queue.add(keyOf(service));
  });
  machines.onChange(({ type, object, previous }) => {
    if (type === 'updated' && previous !== undefined && standOf(object) === standOf(previous)) return;
    for (const service of known.list()) if (isOurs(service)) queue.add(keyOf(service));
  });
}
