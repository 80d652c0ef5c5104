/**
 * The command of a console (lxc-endpoints §G): what the mode in force, the container's state and its node make of it.
 */
import type { Clock } from '../../util/clock.ts';
import { localNode } from '../model/nodes.ts';
import type { SimContainer, SimState } from '../model/state.ts';
import type { ConsoleBackend, ConsoleProcess, ConsoleSize } from './backend.ts';
import { startEntrypoint, startLogin, terminalProgram } from './login.ts';

/** Values of the setting `cmode`. */
export type ConsoleMode = 'tty' | 'console' | 'shell';

const commands: Readonly<Record<ConsoleMode, (vmid: number) => string>> = {
  tty: (vmid) => `lxc-console -n ${vmid} -e -1`,
  console: (vmid) => `lxc-console -n ${vmid} -t 0 -e -1`,
  shell: (vmid) => `lxc-attach --clear-env -n ${vmid}`,
};

/** The mode in force: that of the active config. */
export function modeOf(container: SimContainer): ConsoleMode {
  const mode = container.config['cmode'] ?? 'tty';
  return Object.hasOwn(commands, mode) ? (mode as ConsoleMode) : 'tty';
}

/**
 * The command line that dtach is given, reached by ssh where the container is on another node.
 *
 * @param state - cluster.
 * @param container - whose console.
 */
export function sessionCommand(state: SimState, container: SimContainer): string {
  const { vmid, node } = container;
  const remote = node === localNode(state).name ? '' : `/usr/bin/ssh -e none -t ${state.nodes[node]?.ip} -- `;
  const command = commands[modeOf(container)](vmid);
  return `${remote}/usr/bin/dtach -A /var/run/dtach/vzctlconsole${vmid} -r winch -z ${command}`;
}

/** A program that says something and ends. */
function saying(clock: Clock, size: ConsoleSize, lines: readonly string[]): ConsoleProcess {
  return terminalProgram(clock, size, (terminal) => {
    // It speaks to dtach's terminal: there is none of a container between.
    terminal.termios = { ...terminal.termios, flags: { ...terminal.termios.flags, onlcr: false } };
    return terminal.write(Buffer.from(lines.map((line) => `${line}\n`).join('')));
  });
}

/** Why nothing can run, in the words of the programs that say so. */
function obstacle(
  state: SimState,
  vmid: number,
  container: SimContainer | undefined,
  mode: ConsoleMode,
): string[] {
  const node = container && state.nodes[container.node];
  if (node && node !== localNode(state) && node.status === 'offline')
    return [`ssh: connect to host ${node.ip} port 22: No route to host`];
  if (container?.runtime) {
    const hasTerminals = container.config['tty'] !== '0' || mode !== 'tty';
    return hasTerminals
      ? []
      : [`lxc-console: ${vmid}: ../src/lxc/commands.c: lxc_cmd_get_tty_fd: Denied access to tty`];
  }
  if (mode !== 'shell')
    return [`lxc-console: ${vmid}: ../src/lxc/tools/lxc_console.c: main: 129 ${vmid} is not running`];
  const source = `lxc-attach: ${vmid}: ../src/lxc/attach.c`;
  return [
    `${source}: get_attach_context: 406 Connection refused - Failed to get init pid`,
    `${source}: lxc_attach: 1474 Connection refused - Failed to get attach context`,
  ];
}

/** What a command is started with. */
export interface StartCommand {
  readonly state: SimState;
  readonly backend: ConsoleBackend;
  readonly clock: Clock;
  readonly container: SimContainer | undefined;
  readonly vmid: number;
  readonly mode: ConsoleMode;
  readonly size: ConsoleSize;
}

/**
 * Starts the command of a console; one that cannot run says why and ends.
 *
 * @param start - where and in which mode.
 */
export function startCommand(start: StartCommand): ConsoleProcess {
  const { state, backend, clock, container, vmid, mode, size } = start;
  const lines = obstacle(state, vmid, container, mode);
  if (!container || lines.length > 0) return saying(clock, size, lines);
  if (mode === 'shell') return backend.spawn(container, size);
  if (mode === 'console' && container.config['entrypoint'] !== undefined)
    return startEntrypoint(clock, container, size);
  const line = mode === 'tty' ? 'tty1' : 'console';
  return startLogin({ clock, backend, container, size, line });
}
