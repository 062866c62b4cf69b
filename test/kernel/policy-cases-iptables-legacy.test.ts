import { describePolicyCases } from './policy-cases.ts';

describePolicyCases('iptables-legacy');
