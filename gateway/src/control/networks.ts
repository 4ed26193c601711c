import ipaddr from 'ipaddr.js';

/** A range of addresses from which a token may be used. */
export type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number] | 'unreadable';

/** A range that cannot be read admits nobody: a restriction with a typo must not become no restriction. */
export const parseNetworks = (cidrs: readonly string[]): readonly Network[] =>
  cidrs.map((cidr) => {
    const text = cidr.includes('/') ? cidr : `${cidr}/${cidr.includes(':') ? 128 : 32}`;
    return ipaddr.isValidCIDR(text) ? ipaddr.parseCIDR(text) : 'unreadable';
  });

/** True when the address lies in one of the networks, or when there are none. An IPv4 address mapped into IPv6 counts as IPv4. */
export function isAdmitted(address: string, networks: readonly Network[]): boolean {
  if (networks.length === 0) return true;
  if (!ipaddr.isValid(address)) return false;
  const client = ipaddr.process(address);
  return networks.some((network) => {
    if (network === 'unreadable') return false;
    const [base, bits] = network;
    return client.kind() === base.kind() && client.match(base, bits);
  });
}
