/**
 * Package managers and service managers: what is installed and what runs is written down in the container's state, nothing
 * is downloaded. Any name of a package will do.
 */
import { serviceOfPackage, serviceState } from '../services-table.ts';
import { type Family, parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

const packageName = /^[a-z0-9][a-z0-9+._-]*(?::[a-z0-9]+)?$/;
const version = '1.0-1';
/** How long one package takes, in simulated ms. */
const installMs = 150;

/** Packages that are there from the beginning. */
const basic: Readonly<Record<Family, readonly string[]>> = {
  debian: [
    'apt',
    'base-files',
    'bash',
    'coreutils',
    'dpkg',
    'gzip',
    'openssh-server',
    'systemd',
    'tar',
    'util-linux',
  ],
  alpine: ['alpine-base', 'apk-tools', 'busybox', 'musl'],
  redhat: ['bash', 'coreutils', 'dnf', 'systemd', 'tar'],
  other: [],
};

function isInstalled({ machine }: ToolContext, name: string): boolean {
  return basic[machine.family].includes(name) || machine.inside.packages.includes(name);
}

/** Writes an installation down: the package, the service that it brings, and a program of its name. */
function add(context: ToolContext, name: string): void {
  const { inside, seconds } = context.machine;
  inside.packages.push(name);
  const service = serviceOfPackage(name);
  if (service !== undefined) {
    const isActive = context.machine.family === 'debian';
    inside.services[service] ??= { active: isActive, enabled: isActive };
  }
  const program = `/usr/bin/${name}`;
  if (context.files.get(program)) return;
  const data = `#!/bin/sh\ncase $1 in --version|-v|-V|version) echo "${name} ${version}";; esac\n`;
  context.files.put(program, { type: 'file', mode: 0o755, mtime: seconds(), data });
}

function take(context: ToolContext, name: string): void {
  const { inside } = context.machine;
  inside.packages = inside.packages.filter((each) => each !== name);
  const service = serviceOfPackage(name);
  if (service !== undefined) delete inside.services[service];
  if (context.files.get(`/usr/bin/${name}`)?.data !== undefined) context.files.remove(`/usr/bin/${name}`);
}

const bare = (name: string): string => name.replace(/[=/].*$/, '');

const apt: Tool = {
  isIn: (family) => family === 'debian',
  run: async (context) => {
    const words = context.args.filter(
      (word, index) =>
        !word.startsWith('-') && context.args[index - 1] !== '-o' && context.args[index - 1] !== '-t',
    );
    const isQuiet = context.args.some(
      (word) => /^-q+/.test(word) || word === '-yq' || word === '-yqq' || word === '-qqy',
    );
    const say = (text: string): Promise<void> =>
      isQuiet && context.args.some((word) => word.includes('qq')) ? Promise.resolve() : context.out(text);
    const [verb, ...given] = words;
    const names = given.map(bare);
    if (verb === 'update') {
      await context.sleep(installMs);
      await say('Hit:1 http://deb.debian.org/debian stable InRelease\nReading package lists... Done\n');
      return 0;
    }
    if (verb === 'install' || verb === 'reinstall') {
      const wrong = names.find((name) => !packageName.test(name) || name.startsWith('no-such-'));
      await say('Reading package lists... Done\nBuilding dependency tree... Done\n');
      if (wrong !== undefined) {
        await context.err(`E: Unable to locate package ${wrong}\n`);
        return 100;
      }
      const fresh = [...new Set(names)].filter((name) => !isInstalled(context, name));
      for (const name of names.filter((each) => !fresh.includes(each)))
        await say(`${name} is already the newest version (${version}).\n`);
      if (fresh.length > 0)
        await say(`The following NEW packages will be installed:\n  ${fresh.join(' ')}\n`);
      await say(`0 upgraded, ${fresh.length} newly installed, 0 to remove and 0 not upgraded.\n`);
      for (const name of fresh) {
        await context.sleep(installMs);
        add(context, name);
        await say(`Setting up ${name} (${version}) ...\n`);
      }
      return 0;
    }
    if (verb === 'remove' || verb === 'purge' || verb === 'autoremove') {
      for (const name of names.filter((each) => context.machine.inside.packages.includes(each))) {
        take(context, name);
        await say(`Removing ${name} (${version}) ...\n`);
      }
      return 0;
    }
    if (verb === 'upgrade' || verb === 'dist-upgrade' || verb === 'full-upgrade') {
      await say(
        'Reading package lists... Done\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n',
      );
      return 0;
    }
    if (['clean', 'autoclean', 'check'].includes(verb ?? '')) return 0;
    if (context.args.includes('--version')) {
      await context.out('apt 3.0.3 (amd64)\n');
      return 0;
    }
    await context.err(`E: Invalid operation ${verb ?? ''}\n`);
    return 100;
  },
};

const dpkg: Tool = {
  isIn: (family) => family === 'debian',
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args, 'slLiW', {
      'print-architecture': 'A',
      configure: 'C',
      status: 's',
      list: 'l',
    });
    if (flags.has('A')) {
      await context.out('amd64\n');
      return 0;
    }
    if (!flags.has('s') && !flags.has('l')) return 0;
    const all = [...basic.debian, ...context.machine.inside.packages];
    const wanted = rest.length === 0 ? all : rest;
    let status = 0;
    for (const name of wanted) {
      if (!isInstalled(context, name)) {
        await context.err(`dpkg-query: package '${name}' is not installed\n`);
        status = 1;
      } else
        await context.out(
          flags.has('l')
            ? `ii  ${name}  ${version}  amd64\n`
            : `Package: ${name}\nStatus: install ok installed\nVersion: ${version}\n\n`,
        );
    }
    return status;
  },
};

const dpkgQuery: Tool = {
  isIn: (family) => family === 'debian',
  run: async (context) => {
    const format =
      context.args
        .find((word) => /^(?:-f=?|--showformat=)/.test(word))
        ?.replace(/^(?:-f=?|--showformat=)/, '') ?? '${Package}\\t${Version}\\n';
    const names = context.args.filter((word) => !word.startsWith('-'));
    let status = 0;
    for (const name of names) {
      if (!isInstalled(context, name)) {
        await context.err(`dpkg-query: no packages found matching ${name}\n`);
        status = 1;
        continue;
      }
      const fields: Readonly<Record<string, string>> = {
        Package: name,
        Version: version,
        Status: 'install ok installed',
        'db:Status-Status': 'installed',
        'db:Status-Abbrev': 'ii ',
      };
      await context.out(
        format
          .replaceAll(/\$\{([^};]+)(?:;[^}]*)?\}/g, (_whole, field: string) => fields[field] ?? '')
          .replaceAll('\\n', '\n')
          .replaceAll('\\t', '\t'),
      );
    }
    return status;
  },
};

const apk: Tool = {
  isIn: (family) => family === 'alpine',
  run: async (context) => {
    const [verb, ...names] = context.args.filter((word) => !word.startsWith('-'));
    if (verb === 'add') {
      const fresh = names
        .map((name) => name.replace(/[<>=~].*$/, ''))
        .filter((name) => !isInstalled(context, name));
      const wrong = fresh.find((name) => !packageName.test(name) || name.startsWith('no-such-'));
      if (wrong !== undefined) {
        await context.err(
          `ERROR: unable to select packages:\n  ${wrong} (no such package):\n    required by: world[${wrong}]\n`,
        );
        return 1;
      }
      for (const [index, name] of fresh.entries()) {
        await context.sleep(installMs);
        add(context, name);
        await context.out(`(${index + 1}/${fresh.length}) Installing ${name} (${version})\n`);
      }
      await context.out(
        `OK: 12 MiB in ${context.machine.inside.packages.length + basic.alpine.length} packages\n`,
      );
      return 0;
    }
    if (verb === 'del') {
      for (const name of names) take(context, name);
      await context.out('OK: 12 MiB\n');
      return 0;
    }
    if (verb === 'info') {
      const isQuery = context.args.includes('-e') || context.args.includes('--installed');
      const found = isQuery
        ? names.filter((name) => isInstalled(context, name))
        : [...basic.alpine, ...context.machine.inside.packages];
      await context.out(found.map((name) => `${name}\n`).join(''));
      return isQuery && found.length < names.length ? 1 : 0;
    }
    if (verb === 'update' || verb === 'upgrade') {
      await context.out('OK: 12 MiB\n');
      return 0;
    }
    throw new ToolError(`unknown command '${verb ?? ''}'`);
  },
};

const dnf: Tool = {
  isIn: (family) => family === 'redhat',
  run: async (context) => {
    const [verb, ...names] = context.args.filter((word) => !word.startsWith('-'));
    if (verb === 'install') {
      for (const name of names.filter((each) => !isInstalled(context, each))) {
        if (name.startsWith('no-such-')) {
          await context.err(`No match for argument: ${name}\nError: Unable to find a match: ${name}\n`);
          return 1;
        }
        await context.sleep(installMs);
        add(context, name);
      }
    } else if (verb === 'remove') for (const name of names) take(context, name);
    await context.out('Complete!\n');
    return 0;
  },
};

const rpm: Tool = {
  isIn: (family) => family === 'redhat',
  run: async (context) => {
    let status = 0;
    for (const name of context.args.filter((word) => !word.startsWith('-'))) {
      const isThere = isInstalled(context, name);
      await context.out(isThere ? `${name}-${version}.x86_64\n` : `package ${name} is not installed\n`);
      if (!isThere) status = 1;
    }
    return status;
  },
};

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
            `● ${name}.service\n     Loaded: loaded (${state.enabled ? 'enabled' : 'disabled'})\n     Active: ${active} (${sub})\n`,
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

export const packageTools: Readonly<Record<string, Tool>> = {
  apk,
  apt,
  'apt-get': apt,
  dnf,
  dpkg,
  'dpkg-query': dpkgQuery,
  'rc-service': { ...service, isIn: (family) => family === 'alpine' },
  'rc-update': rcUpdate,
  rpm,
  service: { ...service, isIn: (family) => family !== 'alpine' },
  systemctl,
  yum: dnf,
};
