/**
 * What the console of a container shows, its `cmode`: the change to a root shell with the restart that puts it in force,
 * and the change back.
 */
import { configureAction, rebootAction } from './actions.ts';
import type { ActualContainer } from './actual.ts';
import { assemblePlan } from './assemble.ts';
import { labelContainers } from './labels.ts';
import type { Action, FieldChange, Plan, Policy, Refusal } from './plan.ts';
import { lockedRefusal } from './plan-remove.ts';
import { refusal } from './refusal.ts';

/** PVE: pve-container LXC.pm get_console_command takes `tty` where the key is missing. */
const defaultMode = 'tty';
const wanted = 'shell';

const shown: Readonly<Record<string, string>> = {
  tty: 'a login prompt (cmode tty)',
  console: 'the output of its first process (cmode console)',
};

/**
 * Tells what a console shows.
 *
 * @param cmode - of the config; absent: the default.
 * @returns `tty`, `console` or `shell`.
 */
function consoleMode(cmode: string | undefined): string {
  return cmode ?? defaultMode;
}

function change(from: string | undefined, to: string | undefined): FieldChange {
  // unset is the default, and is read back as such
  return { field: 'cmode', from: consoleMode(from), to: consoleMode(to), effect: 'restart' };
}

/**
 * Plans the change of a running container's console to a root shell.
 *
 * @param container - the container.
 * @param policy - `allow.restart` is needed when there is something to change.
 * @returns the plan; without actions when the console is a root shell already. Its fleet is empty.
 */
export function planShellConsole(container: ActualContainer, policy: Policy): Plan {
  const { vmid, node, live, next, digest, lock } = container;
  const key = labelContainers([container]).get(vmid) as string;
  const target = { key, vmid, node };
  const mode = consoleMode(live.cmode);
  const isWaiting = next.cmode === wanted;
  const reason = 'its console is to be a root shell';
  const actions: Action[] = [];
  const refusals: Refusal[] = [];
  if (mode !== wanted) {
    if (!isWaiting) {
      const changes = [change(next.cmode, wanted)];
      actions.push(configureAction(target, 'restart', { cmode: wanted }, digest, { reason, changes }));
    }
    actions.push(rebootAction(target, { reason, after: actions.map(({ id }) => id) }));
    if (lock !== undefined && lock !== 'mounted') refusals.push(lockedRefusal(key, vmid, lock));
    if (!policy.allow.restart) {
      const what = shown[mode] ?? `cmode ${mode}`;
      refusals.push(
        refusal(
          { key, vmid },
          {
            code: 'CONSOLE_NO_SHELL',
            needs: 'restart',
            message: isWaiting
              ? `its console is still ${what}; cmode shell waits for a restart`
              : `its console is ${what}, not a root shell`,
            hint: isWaiting
              ? `restart it: pvefleet restart ${vmid}, or use --allow restart`
              : 'with --allow restart its cmode is changed, it is restarted, and the cmode is changed back afterwards; for good, write cmode: shell into its fleet file',
            changes: [change(live.cmode, wanted)],
          },
        ),
      );
    }
  }
  return assemblePlan({
    fleet: '',
    containers: [
      { key, outcome: actions.length > 0 ? 'update' : 'unchanged', actions, refusals, notices: [] },
    ],
  });
}

/**
 * Plans the way back: the configured value as it was. It waits for the next restart; until then the console stays a shell.
 *
 * @param container - as it is now.
 * @param cmode - the value of before; absent: it was not set.
 * @returns the plan; without actions when the value is that of before already.
 */
export function planConsoleBack(container: ActualContainer, cmode: string | undefined): Plan {
  const { vmid, node, next, digest } = container;
  const key = labelContainers([container]).get(vmid) as string;
  const actions =
    next.cmode === cmode
      ? []
      : [
          configureAction(
            { key, vmid, node },
            'restart',
            cmode === undefined ? { delete: 'cmode' } : { cmode },
            digest,
            { reason: 'the work is done', changes: [change(next.cmode, cmode)] },
          ),
        ];
  return assemblePlan({
    fleet: '',
    containers: [
      { key, outcome: actions.length > 0 ? 'update' : 'unchanged', actions, refusals: [], notices: [] },
    ],
  });
}
