/** Raw config record of a container ⇄ typed values. */
import type { LxcDevice, LxcFeatures, LxcMount, LxcNet, LxcRootfs } from '../schema/generated/formats.gen.ts';

/** A container's configuration, decoded; absent: not set. Sizes in property strings are bytes. */
export interface LxcConfig {
  readonly hostname?: string;
  readonly memoryMiB?: number;
  readonly swapMiB?: number;
  readonly cores?: number;
  readonly cpuLimit?: number;
  readonly cpuUnits?: number;
  readonly rootfs?: LxcRootfs;
  /** By wire key: `net0`, `mp3`, `dev1`, `unused0`. */
  readonly nets: Readonly<Record<string, LxcNet>>;
  readonly mounts: Readonly<Record<string, LxcMount>>;
  readonly devices: Readonly<Record<string, LxcDevice>>;
  readonly unused: Readonly<Record<string, string>>;
  readonly features?: LxcFeatures;
  readonly tags?: readonly string[];
  /** Without the trailing newline that the server adds; with the ownership line. */
  readonly description?: string;
  readonly nameservers?: readonly string[];
  readonly searchDomains?: readonly string[];
  readonly startup?: { readonly order?: number; readonly up?: number; readonly down?: number };
  readonly env?: Readonly<Record<string, string>>;
  readonly onboot?: boolean;
  readonly protection?: boolean;
  readonly unprivileged?: boolean;
  readonly template?: boolean;
  readonly console?: boolean;
  readonly debug?: boolean;
  readonly tty?: number;
  readonly cmode?: string;
  readonly arch?: string;
  readonly ostype?: string;
  readonly timezone?: string;
  readonly hookscript?: string;
  readonly entrypoint?: string;
  readonly lock?: string;
  /** Keys that this version of pvefleet does not know, as they came. */
  readonly other: Readonly<Record<string, string>>;
}
