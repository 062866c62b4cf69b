import { describePolicyCases } from './policy-cases.ts';

describePolicyCases('nftables');
