/** An Ingress that names no class gets the cluster's default one. */
import { ingressClasses } from '../../api/resources.ts';
import type { Ingress, IngressClass } from '../../api/types.gen.ts';
import type { StrategyContext } from '../resource.ts';
import { isDefaultClass } from '../resources/networking/ingress-classes.ts';
import { classAnnotation } from '../resources/networking/ingresses.ts';

/** Of several the newest, as upstream chooses; of two that are equally new the first by name. */
function preferred(a: IngressClass, b: IngressClass): number {
  const [madeA, madeB] = [a, b].map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '') || 0);
  if (madeA !== madeB) return (madeB ?? 0) - (madeA ?? 0);
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}

export function withDefaultClass(ingress: Ingress, { lookup }: StrategyContext): void {
  const named = ingress.spec?.ingressClassName ?? ingress.metadata.annotations?.[classAnnotation];
  if (named !== undefined) return;
  const [chosen] = lookup.list(ingressClasses).filter(isDefaultClass).sort(preferred);
  if (chosen?.metadata.name !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: chosen.metadata.name };
}
