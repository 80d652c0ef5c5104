/**
 * What a fleet file cannot say, taken out of one: a cluster may hold values that the checks of a file refuse, such as the
 * same address twice. A key that is taken out is not managed; a container that cannot do without it is left out.
 */
import type { Diagnostic } from '../util/diagnostic.ts';
import type { FileContainer, FleetFile } from './file.ts';
import { writeFleet } from './write.ts';

/** A file that loads, and what was taken out of it. */
export interface Fitted {
  readonly file: FleetFile;
  readonly notices: readonly Diagnostic[];
}

/** Without these there is no container. */
const needed: ReadonlySet<string> = new Set(['vmid', 'hostname', 'node', 'template', 'rootfs', 'adopt']);

interface Spot {
  readonly key: string;
  /** Absent: the container as a whole. */
  readonly member?: string;
}

/** Container and key of each line; the text is our own, so indentation tells them. */
function spotsOf(text: string, keys: readonly string[]): (Spot | undefined)[] {
  let at: Spot | undefined;
  let started = false;
  let next = 0;
  return text.split('\n').map((line) => {
    if (/^\S/.test(line)) {
      started = line === 'containers:';
      at = undefined;
    } else if (started && /^ {2}\S/.test(line)) {
      at = { key: keys[next] ?? '' };
      next += 1;
    } else if (at && /^ {4}[A-Za-z]+:/.test(line))
      at = { key: at.key, member: line.trim().split(':', 1)[0] as string };
    return at;
  });
}

function without(container: FileContainer, member: string): FileContainer {
  return Object.fromEntries(Object.entries(container).filter(([name]) => name !== member));
}

function notice({ key, member }: Spot, vmid: unknown, { message }: Diagnostic): Diagnostic {
  const isKept = member !== undefined && !needed.has(member);
  const who = `${key} (${String(vmid)})`;
  return {
    severity: 'warning',
    code: isKept ? 'NOT_MANAGED' : 'NOT_IMPORTED',
    message: isKept ? `${who}: '${member}' is left out: ${message}` : `${who} is left out: ${message}`,
    ...(isKept ? { hint: 'what is left out stays as it is' } : {}),
  };
}

/**
 * Takes out of a file what its checks refuse.
 *
 * @param file - written by {@link toFleetFile}.
 * @param check - the findings of loading a text.
 * @returns the file that loads without errors, and what was taken out.
 */
export function fitFile(file: FleetFile, check: (text: string) => readonly Diagnostic[]): Fitted {
  const containers = new Map(Object.entries(file.containers ?? {}));
  const notices: Diagnostic[] = [];
  // each round takes something out, so it ends
  for (;;) {
    const fitted: FleetFile = { ...file, containers: Object.fromEntries(containers) };
    const text = writeFleet(fitted);
    const errors = check(text).filter(({ severity }) => severity === 'error');
    const spots = spotsOf(text, Object.keys(fitted.containers ?? {}));
    const taken = new Set<string>();
    for (const error of errors) {
      const spot = spots[(error.range?.line ?? 0) - 1];
      const container = spot && containers.get(spot.key);
      if (!spot || !container || taken.has(`${spot.key} ${spot.member ?? ''}`) || taken.has(`${spot.key} `))
        continue;
      const isWhole = spot.member === undefined || needed.has(spot.member);
      taken.add(`${spot.key} ${isWhole ? '' : spot.member}`);
      notices.push(notice(spot, container.vmid, error));
      if (isWhole) containers.delete(spot.key);
      else containers.set(spot.key, without(container, spot.member as string));
    }
    if (taken.size === 0) return { file: fitted, notices };
  }
}
