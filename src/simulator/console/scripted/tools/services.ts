/** Service managers: what runs is written down in the container's state. */
import { serviceState } from '../services-table.ts';
import { parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

/** A filled circle, as bytes. */
const dot = Buffer.from('●').toString('latin1');

const unitName = (name: string): string => name.replace(/\.service$/, '');

/** Units that files in /etc/systemd/system define. */
function ownUnit(context: ToolContext, name: string): boolean {
  return ['/etc/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'].some(
    (folder) => context.files.get(context.path(`${folder}/${name}.service`)) !== undefined,
  );
}

function stateOf(context: ToolContext, name: string): { active: boolean; enabled: boolean } | undefined {
  const { family, inside } = context.machine;
  const isScript = context.files.get(`/etc/init.d/${name}`) !== undefined;
  return (
    serviceState(family, inside, name) ??
    (ownUnit(context, name) || isScript ? { active: false, enabled: false } : undefined)
  );
}

/** Changes a service; false when there is none. */
function change(
  context: ToolContext,
  name: string,
  changes: { active?: boolean; enabled?: boolean },
): boolean {
  const present = stateOf(context, name);
  if (!present) return false;
  context.machine.inside.services[name] = { ...present, ...changes };
  return true;
}

const changes: Readonly<Record<string, { active?: boolean; enabled?: boolean }>> = {
  start: { active: true },
  restart: { active: true },
  reload: {},
  'reload-or-restart': { active: true },
  'try-restart': {},
  stop: { active: false },
  enable: { enabled: true },
  disable: { enabled: false },
  unmask: {},
  mask: { active: false, enabled: false },
};

const systemctl: Tool = {
  isIn: (family) => family === 'debian' || family === 'redhat',
  run: async (context) => {
    if (!context.files.get('/run/systemd/system')) {
      await context.err("System has not been booted with systemd as init system (PID 1). Can't operate.\n");
      return 1;
    }
    const { flags, rest } = parseOptions(context.args, 'qNafp:t:n:', {
      quiet: 'q',
      now: 'N',
      'no-pager': 'a',
      'no-block': 'a',
      all: 'a',
      wait: 'a',
      force: 'f',
      property: 'p',
      type: 't',
    });
    const [verb = 'list-units', ...units] = rest;
    const names = units.map(unitName);
    if (verb === 'daemon-reload' || verb === 'daemon-reexec' || verb === 'reset-failed') return 0;
    if (verb === 'is-system-running') {
      await context.out('running\n');
      return 0;
    }
    const told = (text: string): Promise<void> => (flags.has('q') ? Promise.resolve() : context.out(text));
    if (verb === 'is-active' || verb === 'is-enabled') {
      let status = 0;
      for (const name of names) {
        const state = stateOf(context, name);
        const isOn = verb === 'is-active' ? state?.active === true : state?.enabled === true;
        const off = verb === 'is-active' ? 'inactive' : 'disabled';
        if (!isOn) status = verb === 'is-active' ? 3 : 1;
        if (!state && verb === 'is-enabled')
          await context.err(`Failed to get unit file state for ${name}.service: No such file or directory\n`);
        else await told(`${isOn ? (verb === 'is-active' ? 'active' : 'enabled') : off}\n`);
      }
      return status;
    }
    if (verb === 'status' || verb === 'show') {
      let status = 0;
      for (const name of names) {
        const state = stateOf(context, name);
        if (!state) {
          await context.err(`Unit ${name}.service could not be found.\n`);
          status = 4;
          continue;
        }
        const [active, sub] = state.active ? ['active', 'running'] : ['inactive', 'dead'];
        if (verb === 'show') await context.out(`ActiveState=${active}\nSubState=${sub}\n`);
        else {
          await context.out(
            `${dot} ${name}.service\n     Loaded: loaded (${state.enabled ? 'enabled' : 'disabled'})\n     Active: ${active} (${sub})\n`,
          );
          if (!state.active) status = 3;
        }
      }
      return status;
    }
    const wanted = changes[verb];
    if (!wanted) throw new ToolError(`Unknown command verb '${verb}'.`);
    for (const [index, name] of names.entries()) {
      const isNow = flags.has('N') && (verb === 'enable' || verb === 'disable');
      if (change(context, name, { ...wanted, ...(isNow ? { active: verb === 'enable' } : {}) })) continue;
      await context.err(
        verb === 'enable' || verb === 'disable'
          ? `Failed to ${verb} unit: Unit ${units[index]} does not exist\n`
          : `Failed to ${verb} ${units[index]}: Unit ${name}.service not found.\n`,
      );
      return verb === 'enable' || verb === 'disable' ? 1 : 5;
    }
    return 0;
  },
};

/** `service NAME VERB` and `rc-service NAME VERB`. */
const service: Tool = {
  run: async (context) => {
    const [name = '', verb = ''] = context.args.filter((word) => !word.startsWith('-'));
    const state = stateOf(context, name);
    if (!state) {
      await context.err(
        context.machine.family === 'alpine'
          ? ` * rc-service: service \`${name}' does not exist\n`
          : `${name}: unrecognized service\n`,
      );
      return 1;
    }
    if (verb === 'status') {
      await context.out(
        context.machine.family === 'alpine'
          ? ` * status: ${state.active ? 'started' : 'stopped'}\n`
          : `${name} is ${state.active ? '' : 'not '}running.\n`,
      );
      return state.active ? 0 : 3;
    }
    change(context, name, changes[verb] ?? {});
    return 0;
  },
};

const rcUpdate: Tool = {
  isIn: (family) => family === 'alpine',
  run: async (context) => {
    const [verb, name = ''] = context.args;
    if (verb === 'show') {
      await context.out(
        Object.entries(context.machine.inside.services)
          .filter(([, { enabled }]) => enabled)
          .map(([each]) => `${each.padStart(20)} | default\n`)
          .join(''),
      );
      return 0;
    }
    if (change(context, name, { enabled: verb !== 'del' && verb !== 'delete' })) return 0;
    throw new ToolError(`service \`${name}' does not exist`);
  },
};

export const serviceTools: Readonly<Record<string, Tool>> = {
  'rc-service': { ...service, isIn: (family) => family === 'alpine' },
  'rc-update': rcUpdate,
  service: { ...service, isIn: (family) => family !== 'alpine' },
  systemctl,
};
