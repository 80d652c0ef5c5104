/** What the credentials sheet says of each student besides the password. Reads only. */
import type { ActualContainer } from '../../domain/actual.ts';
import type { DesiredFleet } from '../../domain/desired.ts';
import { ownedBy } from '../../domain/identify.ts';
import { readMark } from '../../domain/lab/access.ts';
import type { EngineContext } from '../context.ts';
import { readInterfaces, usableAddresses } from '../interfaces.ts';
import { observe } from '../observe.ts';
import { mapBounded } from '../parallel.ts';
import type { SheetDetails } from './credentials.ts';

/** Details by login, and which users are the fleet's. */
export interface Details {
  readonly byLogin: ReadonlyMap<string, SheetDetails>;
  /** Users with the fleet's mark, by id, with the login of their student. */
  readonly users: ReadonlyMap<string, string>;
}

/** Fixed addresses as they are configured; else, of a running container, those that it has. */
async function addressesOf(context: EngineContext, container: ActualContainer): Promise<string[]> {
  const { live, node, vmid, status } = container;
  const fixed = Object.values(live.nets).flatMap(({ ip, ip6 }) =>
    [ip, ip6].flatMap((one) => (one !== undefined && /[.:]/.test(one) ? [one.split('/')[0] as string] : [])),
  );
  if (fixed.length > 0 || status !== 'running') return fixed;
  const found = usableAddresses(await readInterfaces(context, node, vmid));
  return found.map((one) => one.split('/')[0] as string);
}

/** The console in the browser of somebody who has logged in. PVE: pve-manager, console window of the web interface. */
function consoleLink(base: string, { vmid, node, live }: ActualContainer): string {
  const query = new URLSearchParams({
    console: 'lxc',
    xtermjs: '1',
    vmid: String(vmid),
    vmname: live.hostname ?? `CT${vmid}`,
    node,
  });
  return `${base}/?${query.toString()}`;
}

/**
 * Reads what students need to know.
 *
 * @param fleet - with its students where the file is known; else what users and containers tell is taken.
 * @returns details by login.
 * @throws PveError when the cluster cannot be read.
 */
export async function readSheetDetails(
  context: EngineContext,
  fleet: Pick<DesiredFleet, 'name' | 'students'>,
): Promise<Details> {
  const snapshot = await observe(context, { fleetName: fleet.name, access: fleet });
  const url = context.pve.url.replace(/\/+$/, '');
  const byLogin = new Map<string, SheetDetails>();
  const users = new Map<string, string>();
  for (const { userid, comment, firstname, lastname, email } of snapshot.access?.users ?? []) {
    const mark = readMark(comment);
    if (mark?.fleet !== fleet.name || mark.student === undefined) continue;
    users.set(userid, mark.student);
    const name = [firstname, lastname].filter((part) => part !== undefined).join(' ');
    byLogin.set(mark.student, { userid, name, email: email ?? '', url });
  }
  for (const { login, name, group, email } of fleet.students ?? []) {
    const known = byLogin.get(login);
    if (known) byLogin.set(login, { ...known, name, group: group ?? '', email: email ?? '' });
  }
  const keys = new Map(
    (fleet.students ?? []).flatMap(({ login, containers }) => containers.map((key) => [key, login])),
  );
  const owned = ownedBy(fleet.name, snapshot).flatMap((container) => {
    const { ownership } = container;
    const login = keys.get(ownership?.key ?? '') ?? ownership?.student;
    return login === undefined ? [] : [{ login, container }];
  });
  const read = await mapBounded(context.limits.requests, owned, async ({ login, container }) => ({
    login,
    container,
    addresses: await addressesOf(context, container),
  }));
  for (const [login, details] of byLogin) {
    const own = read.filter((one) => one.login === login);
    byLogin.set(login, {
      ...details,
      containers: own.map(({ container: { live, vmid } }) => `${live.hostname ?? 'CT'} (${vmid})`),
      addresses: own.flatMap(({ addresses }) => addresses),
      consoles: own.map(({ container }) => consoleLink(url, container)),
    });
  }
  return { byLogin, users };
}
