/**
 * Policies where Services go by a relay: rules are those of mode iptables, whose cases all stand in its own file, so here are those of
 * isolation and those in which a Service has a part.
 */
import { policyCases } from '../cases/policy-packets/index.ts';
import { describePolicyCases } from './policy-cases.ts';

const chosen = policyCases.filter(
  ({ name, asks }) => name.startsWith('isolation: ') || asks.some(({ way }) => way !== 'direct'),
);

describePolicyCases('userspace', chosen);
