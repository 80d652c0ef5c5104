/**
 * Reviewed facts that the official schema does not carry, each with its source.
 * Pure data; used by the generator, the simulator's validator and the client's types.
 */

/**
 * Highest index of the families that the schema writes as `name[n]`; the first is always 0.
 * Source: the constants in pve-container LXC/Config.pm ($MAX_LXC_NETWORKS 32, $MAX_MOUNT_POINTS 256, …),
 * qemu-server QemuServer.pm and pve-cluster (corosync links), Proxmox VE 9.2.
 */
export const indexedMaxima: Readonly<Record<string, number>> = {
  acmedomain: 5,
  dev: 255,
  hostpci: 15,
  ide: 3,
  ipconfig: 31,
  link: 7,
  mp: 255,
  net: 31,
  numa: 7,
  parallel: 2,
  sata: 5,
  scsi: 30,
  serial: 3,
  unused: 255,
  usb: 13,
  virtio: 15,
  virtiofs: 9,
};

const indexedKey = /^([a-z]+)(0|[1-9]\d*)$/;

/**
 * Splits an indexed parameter name such as `net12`.
 *
 * @param key - a parameter name.
 * @returns family and index, or `undefined` when the name is of no known family or the index is beyond its last.
 */
export function splitIndexedKey(key: string): { family: string; index: number } | undefined {
  const match = indexedKey.exec(key);
  if (!match) return undefined;
  const family = match[1] as string;
  const index = Number(match[2]);
  const last = Object.hasOwn(indexedMaxima, family) ? indexedMaxima[family] : undefined;
  return last !== undefined && index <= last ? { family, index } : undefined;
}
