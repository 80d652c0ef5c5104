/**
 * Package managers: what is installed is written down in the container's state, nothing is downloaded. Any name of a package
 * will do, but for those that begin with `no-such-`.
 */
import { serviceOfPackage } from '../services-table.ts';
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

export const packageTools: Readonly<Record<string, Tool>> = {
  apk,
  apt,
  'apt-get': apt,
  dnf,
  dpkg,
  'dpkg-query': dpkgQuery,
  rpm,
  yum: dnf,
};
