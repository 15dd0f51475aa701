import { BlockList, isIP, type Socket } from 'node:net';
import { RejectedError } from '@kapi/contract';

/** Networks that a URL from outside must never reach (IANA special-purpose registries, IPv4 and IPv6). */
const forbidden = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  forbidden.addSubnet(network, prefix, 'ipv4');
}

// Global unicast is 2000::/3; everything else, and these parts of it, is not the public network. Addresses
// that carry an IPv4 address inside (NAT64, 6to4, Teredo) are refused whole.
const publicV6 = new BlockList();
publicV6.addSubnet('2000::', 3, 'ipv6');
const forbiddenV6 = new BlockList();
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  forbiddenV6.addSubnet(network, prefix, 'ipv6');
}

/** True for an address of the public internet, written in its canonical form. */
export function isPublicAddress(address: string): boolean {
  const [bare = ''] = address.split('%', 1);
  const family = isIP(bare);
  if (family === 4) return !forbidden.check(bare, 'ipv4');
  if (family !== 6) return false;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare);
  if (mapped?.[1] !== undefined) return isPublicAddress(mapped[1]);
  return publicV6.check(bare, 'ipv6') && !forbiddenV6.check(bare, 'ipv6');
}

/**
 * The address that a URL's host spells, where it spells one, in canonical form. The URL parser has
 * already turned `2130706433`, `0x7f.1` and `0177.0.0.1` into dotted decimals; left are the trailing
 * dot, the brackets, and IPv4 inside IPv6.
 */
export function literalAddress(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (isIP(bare) === 4) return bare;
  if (isIP(bare) !== 6) return undefined;
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(bare);
  if (!mapped) return bare;
  const high = Number.parseInt(mapped[1] ?? '', 16);
  const low = Number.parseInt(mapped[2] ?? '', 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** Names that resolve inside the house whatever the resolver says. */
export const isLocalName = (hostname: string): boolean =>
  /(^|\.)(localhost|local|internal|home\.arpa|localdomain)\.?$/i.test(hostname) || !hostname.includes('.');

export const guarded = (host: string): RejectedError =>
  new RejectedError('address_guarded', `${host} is not an address of the public internet`);

/** Call before anything is written: the check is then the first to hear of the connection. */
export function guardSocket(socket: Socket): Socket {
  return socket.once('connect', () => {
    const address = literalAddress(socket.remoteAddress ?? '');
    if (address === undefined || !isPublicAddress(address)) socket.destroy(guarded('the connected address'));
  });
}
