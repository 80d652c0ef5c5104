/** Programs for users, groups and passwords. Passwords are kept as they are: this is a simulator. */
import type { FileSystem } from '../files.ts';
import { parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

/** An entry of /etc/passwd. */
interface Account {
  readonly name: string;
  readonly uid: string;
  readonly gid: string;
  readonly home: string;
  readonly shell: string;
}

const firstUid = 1000;

const notUnique = 9;

function rows(files: FileSystem, path: string): string[][] {
  return files
    .read(path)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(':'));
}

function save(files: FileSystem, path: string, list: readonly (readonly string[])[]): void {
  const file = files.edit(path, 0o644);
  file.data = list.map((fields) => `${fields.join(':')}\n`).join('');
  files.touched(file);
}

/** Finds a user; undefined when there is none. */
export function findAccount(files: FileSystem, name: string): Account | undefined {
  const fields = rows(files, '/etc/passwd').find(([first]) => first === name);
  if (!fields) return undefined;
  const [, , uid = '0', gid = '0', , home = '/', shell = '/bin/sh'] = fields;
  return { name, uid, gid, home, shell: shell === '' ? '/bin/sh' : shell };
}

function freeId(files: FileSystem): number {
  const taken = new Set(
    [...rows(files, '/etc/passwd'), ...rows(files, '/etc/group')].map(([, , number]) => Number(number)),
  );
  let free = firstUid;
  while (taken.has(free)) free += 1;
  return free;
}

function setPassword(context: ToolContext, name: string, password: string): void {
  if (!findAccount(context.files, name)) throw new ToolError(`user '${name}' does not exist`);
  context.machine.inside.passwords[name] = password;
}

const chpasswd: Tool = {
  run: async (context) => {
    parseOptions(context.args, 'emc:s:R:', { encrypted: 'e', 'crypt-method': 'c' });
    for (const line of (await context.readAll(context.stdin)).split('\n')) {
      const at = line.indexOf(':');
      if (line.trim() === '') continue;
      if (at < 0) throw new ToolError('line 1: missing new password');
      setPassword(context, line.slice(0, at), line.slice(at + 1));
    }
    return 0;
  },
};

const passwd: Tool = {
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args, 'dluSeaq');
    const name = rest[0] ?? context.user.split(':')[0] ?? 'root';
    const { passwords } = context.machine.inside;
    if (!findAccount(context.files, name)) throw new ToolError(`user '${name}' does not exist`);
    if (flags.has('d') || flags.has('l')) {
      delete passwords[name];
      return 0;
    }
    const ask = async (prompt: string): Promise<string> => {
      const { terminal } = context.stdin;
      const before = terminal?.termios;
      await context.err(prompt);
      if (terminal && before) terminal.termios = { ...before, flags: { ...before.flags, echo: false } };
      try {
        return (await context.readLine(context.stdin)).replace(/\n$/, '');
      } finally {
        if (terminal && before) {
          terminal.termios = before;
          await context.err('\n');
        }
      }
    };
    const first = await ask('New password: ');
    const second = await ask('Retype new password: ');
    if (first !== second)
      throw new ToolError('Authentication token manipulation error\npasswd: password unchanged', 10);
    setPassword(context, name, first);
    await context.err('passwd: password updated successfully\n');
    return 0;
  },
};

function addUser(
  context: ToolContext,
  name: string,
  options: {
    home?: string;
    shell: string;
    uid?: string;
    isSystem: boolean;
    makesHome: boolean;
    groups: readonly string[];
  },
): void {
  const { files } = context;
  if (findAccount(files, name)) throw new ToolError(`user '${name}' already exists`, notUnique);
  if (!/^[a-z_][a-z0-9_-]*\$?$/.test(name)) throw new ToolError(`invalid user name '${name}'`, 3);
  const id = options.uid ?? String(freeId(files));
  const home = options.home ?? `/home/${name}`;
  save(files, '/etc/passwd', [...rows(files, '/etc/passwd'), [name, 'x', id, id, '', home, options.shell]]);
  if (!rows(files, '/etc/group').some(([group]) => group === name))
    save(files, '/etc/group', [...rows(files, '/etc/group'), [name, 'x', id, '']]);
  joinGroups(context, name, options.groups);
  if (options.makesHome && !files.get(home))
    files.put(home, { type: 'dir', mode: 0o755, mtime: context.machine.seconds(), owner: `${id}:${id}` });
}

function joinGroups(context: ToolContext, name: string, groups: readonly string[]): void {
  const list = rows(context.files, '/etc/group');
  for (const group of groups) {
    const fields = list.find(([first]) => first === group);
    if (!fields) throw new ToolError(`group '${group}' does not exist`, 6);
    const members = (fields[3] ?? '').split(',').filter((member) => member !== '');
    if (!members.includes(name)) fields[3] = [...members, name].join(',');
  }
  save(context.files, '/etc/group', list);
}

const splitNames = (text: string | undefined): string[] =>
  (text ?? '').split(',').filter((name) => name !== '');

const useradd: Tool = {
  run: (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'mMrUNos:d:c:u:g:G:p:e:k:', {
      'create-home': 'm',
      'no-create-home': 'M',
      system: 'r',
      shell: 's',
      'home-dir': 'd',
      home: 'd',
      comment: 'c',
      uid: 'u',
      gid: 'g',
      groups: 'G',
      password: 'p',
      'user-group': 'U',
    });
    const name = rest[0] ?? '';
    const [home, uid, password] = [value('d'), value('u'), value('p')];
    addUser(context, name, {
      shell: value('s') ?? '/bin/sh',
      isSystem: flags.has('r'),
      makesHome: flags.has('m'),
      groups: splitNames(value('G')),
      ...(home === undefined ? {} : { home }),
      ...(uid === undefined ? {} : { uid }),
    });
    if (password !== undefined) context.machine.inside.passwords[name] = password;
    return 0;
  },
};

/** adduser of Debian (long options) and of busybox (short ones). */
const adduser: Tool = {
  run: async (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'DSHqh:s:G:u:g:', {
      'disabled-password': 'D',
      'disabled-login': 'D',
      system: 'S',
      'no-create-home': 'H',
      quiet: 'q',
      home: 'h',
      shell: 's',
      ingroup: 'G',
      uid: 'u',
      gecos: 'g',
      comment: 'g',
      group: 'D',
    });
    const [name = '', group] = rest;
    if (group !== undefined) {
      joinGroups(context, name, [group]);
      return 0;
    }
    const [home, uid] = [value('h'), value('u')];
    addUser(context, name, {
      shell: value('s') ?? (context.machine.family === 'alpine' ? '/bin/ash' : '/bin/bash'),
      isSystem: flags.has('S'),
      makesHome: !flags.has('H'),
      groups: [],
      ...(home === undefined ? {} : { home }),
      ...(uid === undefined ? {} : { uid }),
    });
    if (!flags.has('q') && context.machine.family !== 'alpine')
      await context.out(`Adding user \`${name}' ...\n`);
    return 0;
  },
};

const usermod: Tool = {
  run: (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'aLUmG:s:d:p:c:l:u:g:', {
      append: 'a',
      groups: 'G',
      shell: 's',
      home: 'd',
      password: 'p',
      lock: 'L',
      unlock: 'U',
    });
    const name = rest[0] ?? '';
    if (!findAccount(context.files, name)) throw new ToolError(`user '${name}' does not exist`, 6);
    joinGroups(context, name, splitNames(value('G')));
    const list = rows(context.files, '/etc/passwd');
    const fields = list.find(([first]) => first === name) as string[];
    fields[6] = value('s') ?? fields[6] ?? '';
    fields[5] = value('d') ?? fields[5] ?? '';
    save(context.files, '/etc/passwd', list);
    const password = value('p');
    if (password !== undefined) context.machine.inside.passwords[name] = password;
    if (flags.has('L')) delete context.machine.inside.passwords[name];
    return 0;
  },
};

const userdel: Tool = {
  run: (context) => {
    const { flags, rest } = parseOptions(context.args, 'rf', { remove: 'r', 'remove-home': 'r' });
    const name = rest[0] ?? '';
    const account = findAccount(context.files, name);
    if (!account) throw new ToolError(`user '${name}' does not exist`, 6);
    for (const path of ['/etc/passwd', '/etc/group'])
      save(
        context.files,
        path,
        rows(context.files, path).filter(([first]) => first !== name),
      );
    delete context.machine.inside.passwords[name];
    if (flags.has('r')) context.files.remove(account.home);
    return 0;
  },
};

const groupadd: Tool = {
  run: (context) => {
    const { flags, rest, value } = parseOptions(context.args, 'rfSg:', { system: 'r', force: 'f', gid: 'g' });
    const name = rest[0] ?? '';
    const list = rows(context.files, '/etc/group');
    if (list.some(([first]) => first === name)) {
      if (flags.has('f')) return 0;
      throw new ToolError(`group '${name}' already exists`, notUnique);
    }
    save(context.files, '/etc/group', [
      ...list,
      [name, 'x', value('g') ?? String(freeId(context.files)), ''],
    ]);
    return 0;
  },
};

export const notOnAlpine = (tool: Tool): Tool => ({ ...tool, isIn: (family) => family !== 'alpine' });

export const accountTools: Readonly<Record<string, Tool>> = {
  addgroup: groupadd,
  adduser,
  chpasswd,
  deluser: userdel,
  groupadd: notOnAlpine(groupadd),
  passwd,
  useradd: notOnAlpine(useradd),
  userdel: notOnAlpine(userdel),
  usermod: notOnAlpine(usermod),
};
