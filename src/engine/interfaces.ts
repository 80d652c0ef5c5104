/** Addresses of a running container, as the kernel has them. */

import { PveError } from '../api/errors/pve-error.ts';
import type { Returns } from '../api/types.ts';
import { decodeNumber } from '../codec/scalar.ts';
import type { EngineContext } from './context.ts';

/** One interface of a running container. */
export interface InterfaceInfo {
  readonly name: string;
  readonly mac?: string;
  /** With prefix length, link-local ones included. */
  readonly addresses: readonly string[];
}

type InterfaceRow = Returns<'GET', '/nodes/{node}/lxc/{vmid}/interfaces'>[number];

function addressesOf(row: InterfaceRow): string[] {
  // `inet` and `inet6` hold only the last address of their family; the list is there since 8.4
  const listed = (row['ip-addresses'] ?? []).flatMap((entry) => {
    const address = entry['ip-address'];
    const prefix = decodeNumber(entry.prefix);
    return address === undefined ? [] : [prefix === undefined ? address : `${address}/${prefix}`];
  });
  if (listed.length > 0) return listed;
  return [row.inet, row.inet6].filter((address) => address !== undefined && address !== '') as string[];
}

/**
 * Decodes GET …/interfaces.
 *
 * @param rows - the answer; null for a stopped container.
 * @returns interfaces without loopback.
 */
export function decodeInterfaces(rows: readonly InterfaceRow[] | null): InterfaceInfo[] {
  return (rows ?? [])
    .filter((row) => row.name !== 'lo')
    .map((row) => {
      const mac = row['hardware-address'] ?? row.hwaddr;
      return { name: row.name, ...(mac === undefined ? {} : { mac }), addresses: addressesOf(row) };
    });
}

/**
 * Reads the interfaces of a container.
 *
 * @returns interfaces without loopback; none when it does not run, or the server is older than 8.1.
 * @throws PveError when the cluster cannot be read.
 */
export async function readInterfaces(
  context: EngineContext,
  node: string,
  vmid: number,
): Promise<InterfaceInfo[]> {
  const path = '/nodes/{node}/lxc/{vmid}/interfaces';
  const rows = await context.pve
    .get(path, { node, vmid }, { signal: context.signal })
    .catch((error: unknown): null => {
      // stopped or gone since it was listed, or an operation that this version does not have: no addresses to show
      if (error instanceof PveError && (error.status === 500 || error.status === 501)) return null;
      throw error;
    });
  return decodeInterfaces(rows);
}

/**
 * The addresses under which others reach a container.
 *
 * @param interfaces - of one container.
 * @returns addresses with prefix length, without loopback and link-local ones.
 */
export function usableAddresses(interfaces: readonly InterfaceInfo[]): string[] {
  return interfaces
    .flatMap((one) => one.addresses)
    .filter((address) => !/^(?:127\.|169\.254\.|::1(?:\/|$)|fe[89ab][0-9a-f]:)/i.test(address));
}
