import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Public-looking ranges that are not: clouds' metadata services and what ipaddr.js does not name. */
const REFUSED_V4 = ['168.63.129.16/32', '192.88.99.0/24'].map((range) => ipaddr.IPv4.parseCIDR(range));
const REFUSED_V6 = [
  '::/96',
  '100::/64',
  '100:0:0:1::/64',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2001::/23',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
].map((range) => ipaddr.IPv6.parseCIDR(range));

/**
 * True only for an address of a host on the public internet. Loopback, private, link-local, shared, multicast, reserved,
 * tunnelled and mapped addresses are not.
 *
 * @see IANA IPv4 and IPv6 Special-Purpose Address Registries
 */
export function isPublicAddress(text: string): boolean {
  if (isIP(text) === 0) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv4
    ? !REFUSED_V4.some((range) => address.match(range))
    : !REFUSED_V6.some((range) => (address as ipaddr.IPv6).match(range));
}
