/**
 * Moving a container to another cluster (pve-container API2/LXC.pm remote_migrate_vm). The simulated cluster reaches no
 * other one: what is checked on this side is checked, and then the connection fails as it does to a host that is down.
 */
import { die, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { splitList } from '../model/datacenter.ts';
import { durations } from '../model/timing.ts';
import { namedFormat } from '../validate/formats.ts';
import { splitPropertyString } from '../wire/property-string.ts';
import { checkLock, checkQuorum, lockConfig, needContainer, vmidOf, writeConfig } from './lxc-common.ts';
import { isHaManaged } from './lxc-ha.ts';
import { elapsed, timestamp } from './lxc-migrate.ts';

const defaultPort = 8006;

/** Where it shall go, as `host:port`, and whether the certificate of the other side is known. */
function endpointOf(context: HandlerContext): { address: string; isKnown: boolean } {
  const format = namedFormat('proxmox-remote');
  const values =
    format?.kind === 'object'
      ? splitPropertyString(format.format, context.text('target-endpoint') ?? '')
      : {};
  return {
    address: `${values['host'] ?? ''}:${values['port'] ?? defaultPort}`,
    isKnown: values['fingerprint'] !== undefined,
  };
}

/** `1` stands for the same names on the other side, which cannot be known of a storage there. */
function refuseIdentity(context: HandlerContext): void {
  if (splitList(context.text('target-storage') ?? '').includes('1'))
    die('remote migration requires explicit storage mapping!');
}

function remoteMigrate(context: HandlerContext): string {
  const vmid = vmidOf(context);
  checkQuorum(context);
  const container = needContainer(context);
  checkLock(container);
  if (container.runtime && !context.flag('online') && !context.flag('restart'))
    die("can't migrate running container without --online or --restart");
  if (isHaManaged(context.state, vmid))
    paramError({ vmid: 'cannot migrate HA-managed CT to remote cluster' });
  const { address, isKnown } = endpointOf(context);
  const failure = `500 Can't connect to ${address} (No route to host)`;
  if (!isKnown) die(failure); // the other side is asked for its certificate before anything else
  refuseIdentity(context);
  return context.fork('vzmigrate', String(vmid), container.node, async (worker) => {
    const startedAtMs = context.clock.now();
    await lockConfig(
      context,
      vmid,
      () => {
        checkLock(container);
        writeConfig(container, { lock: 'migrate' });
      },
      { worker },
    );
    try {
      worker.log(`Establishing API connection with remote at '${address}'`);
      await worker.sleep(durations.migratePrepare);
    } finally {
      writeConfig(container, { lock: undefined });
    }
    const duration = elapsed(context, startedAtMs);
    worker.log(`${timestamp(context)} ERROR: migration aborted (duration ${duration}): ${failure}`);
    die('migration aborted');
  });
}

export const lxcRemoteMigrateHandlers: HandlerTable = {
  'POST /nodes/{node}/lxc/{vmid}/remote_migrate': remoteMigrate,
};
