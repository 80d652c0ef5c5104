/** Programs that tell about the system. */
import { listeningPorts } from '../services-table.ts';
import { applyStty, describeTermios, packTermios } from '../termios.ts';
import { parseOptions, type Tool, type ToolContext, ToolError } from './tool.ts';

const days = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ');

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

function formatDate(date: Date, format: string): string {
  const iso = date.toISOString();
  const fields: Readonly<Record<string, () => string>> = {
    Y: () => iso.slice(0, 4),
    m: () => iso.slice(5, 7),
    d: () => iso.slice(8, 10),
    e: () => String(date.getUTCDate()).padStart(2),
    H: () => iso.slice(11, 13),
    M: () => iso.slice(14, 16),
    S: () => iso.slice(17, 19),
    N: () => `${iso.slice(20, 23)}000000`,
    F: () => iso.slice(0, 10),
    T: () => iso.slice(11, 19),
    s: () => String(Math.floor(date.getTime() / 1000)),
    Z: () => 'UTC',
    z: () => '+0000',
    a: () => days[date.getUTCDay()] as string,
    b: () => months[date.getUTCMonth()] as string,
    y: () => iso.slice(2, 4),
    '%': () => '%',
    n: () => '\n',
  };
  return format.replaceAll(/%([a-zA-Z%])/g, (whole, letter: string) => fields[letter]?.() ?? whole);
}

const date: Tool = {
  run: async (context) => {
    const format = context.args.find((word) => word.startsWith('+'))?.slice(1);
    const isIso = context.args.some((word) => word.startsWith('-I') || word.startsWith('--iso'));
    const now = new Date(context.machine.clock.now());
    const text = formatDate(now, format ?? (isIso ? '%Y-%m-%dT%H:%M:%S+00:00' : '%a %b %e %T UTC %Y'));
    await context.out(`${text}\n`);
    return 0;
  },
};

const hostname: Tool = {
  run: async (context) => {
    const name = context.files.read('/etc/hostname').trim();
    const wantsAddress = context.args.some((word) => /^-[iI]$/.test(word));
    await context.out(`${wantsAddress ? addressesOf(context).join(' ') : name}\n`);
    return 0;
  },
};

/** The addresses that the container has now, those of the loopback interface left out. */
function addressesOf({ machine }: ToolContext): string[] {
  return machine
    .interfaces()
    .filter(({ name }) => name !== 'lo')
    .flatMap((each) => each['ip-addresses'].map((address) => address['ip-address']))
    .filter((address) => !address.startsWith('fe80:'));
}

const ip: Tool = {
  run: async (context) => {
    const words = context.args.filter((word) => !word.startsWith('-'));
    const isBrief = context.args.some((word) => /^-br/.test(word));
    const only = context.args.includes('-4') ? 'inet' : context.args.includes('-6') ? 'inet6' : undefined;
    if (words[0]?.startsWith('r')) {
      const gateway = /gw=([0-9.]+)/.exec(context.machine.container.config['net0'] ?? '')?.[1];
      await context.out(gateway === undefined ? '' : `default via ${gateway} dev eth0\n`);
      return 0;
    }
    const wanted = words.at(-1);
    const all = context.machine.interfaces();
    const chosen = all.some(({ name }) => name === wanted) ? all.filter(({ name }) => name === wanted) : all;
    const lines = chosen.map((each, index) => {
      const addresses = each['ip-addresses'].filter(
        (address) => only === undefined || address['ip-address-type'] === only,
      );
      const texts = addresses.map((address) => `${address['ip-address']}/${address.prefix}`);
      if (isBrief) return `${each.name.padEnd(16)} UP             ${texts.join(' ')}\n`;
      const head = `${index + 1}: ${each.name}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UP\n    link/ether ${each.hwaddr}\n`;
      return (
        head +
        addresses
          .map((address, at) => `    ${address['ip-address-type']} ${texts[at]} scope global ${each.name}\n`)
          .join('')
      );
    });
    await context.out(lines.join(''));
    return 0;
  },
};

const id: Tool = {
  run: async (context) => {
    const { flags, rest } = parseOptions(context.args, 'ugnrG');
    const [own = 'root'] = context.user.split(':');
    const name = rest[0] ?? own;
    const fields = context.files
      .read('/etc/passwd')
      .split('\n')
      .map((line) => line.split(':'))
      .find(([first]) => first === name);
    if (!fields) throw new ToolError(`'${name}': no such user`);
    const [, , uid = '0', gid = '0'] = fields;
    const group =
      context.files
        .read('/etc/group')
        .split('\n')
        .map((line) => line.split(':'))
        .find((line) => line[2] === gid)?.[0] ?? name;
    const isNamed = flags.has('n');
    if (flags.has('u')) await context.out(`${isNamed ? name : uid}\n`);
    else if (flags.has('g') || flags.has('G')) await context.out(`${isNamed ? group : gid}\n`);
    else await context.out(`uid=${uid}(${name}) gid=${gid}(${group}) groups=${gid}(${group})\n`);
    return 0;
  },
};

const uname: Tool = {
  run: async (context) => {
    const { flags } = parseOptions(context.args, 'asnrvmop');
    const facts = {
      s: 'Linux',
      n: context.machine.hostname,
      r: '6.17.2-1-pve',
      v: '#1 SMP PREEMPT_DYNAMIC PMX',
      m: 'x86_64',
      o: 'GNU/Linux',
    };
    const wanted = flags.has('a')
      ? Object.keys(facts)
      : flags.size === 0
        ? ['s']
        : Object.keys(facts).filter((letter) => flags.has(letter));
    await context.out(`${wanted.map((letter) => facts[letter as keyof typeof facts]).join(' ')}\n`);
    return 0;
  },
};

const ps: Tool = {
  run: async (context) => {
    const init = context.machine.container.config['entrypoint'] ?? '/sbin/init';
    const rows = context.machine.processes.list().map(({ pid, command }) => ({ pid, command }));
    const lines = [{ pid: 1, command: init }, ...rows].map(
      ({ pid, command }) => `${String(pid).padStart(7)} ?        00:00:00 ${command.slice(0, 60)}\n`,
    );
    await context.out(`    PID TTY          TIME CMD\n${lines.join('')}`);
    return 0;
  },
};

const stty: Tool = {
  run: async (context) => {
    const file = context.args[0] === '-F' ? context.args[1] : undefined;
    const words = file === undefined ? context.args : context.args.slice(2);
    const terminal = (file === undefined ? context.stdin : context.open(file)).terminal;
    if (!terminal) throw new ToolError("'standard input': Inappropriate ioctl for device");
    if (words[0] === 'size') await context.out(`${terminal.size.rows} ${terminal.size.columns}\n`);
    else if (words[0] === '-g') await context.out(`${packTermios(terminal.termios)}\n`);
    else if (words[0] === '-a' || words.length === 0)
      await context.out(describeTermios(terminal.termios, terminal.size));
    else {
      const change = applyStty(terminal.termios, words);
      if (typeof change === 'string') throw new ToolError(`invalid argument '${change}'`);
      terminal.termios = change.termios;
      terminal.size = { ...terminal.size, ...change.size };
    }
    return 0;
  },
};

const tty: Tool = {
  run: async (context) => {
    const isTerminal = context.stdin.terminal !== undefined;
    await context.out(isTerminal ? '/dev/pts/0\n' : 'not a tty\n');
    return isTerminal ? 0 : 1;
  },
};

const which: Tool = {
  run: async (context) => {
    let status = 0;
    for (const name of context.args.filter((word) => !word.startsWith('-'))) {
      const folder = (context.environment.get('PATH') ?? '').split(':').find((path) => {
        const entry = context.files.get(context.path(`${path}/${name}`));
        return entry?.type === 'file' && (entry.mode & 0o111) !== 0;
      });
      if (folder === undefined) status = 1;
      else await context.out(`${folder}/${name}\n`);
    }
    return status;
  },
};

const getent: Tool = {
  run: async (context) => {
    const [database = '', ...keys] = context.args;
    const file = {
      passwd: '/etc/passwd',
      group: '/etc/group',
      hosts: '/etc/hosts',
      ahosts: '/etc/hosts',
      shadow: '/etc/shadow',
    }[database];
    if (file === undefined) throw new ToolError(`Unknown database: ${database}`);
    const lines = context.files
      .read(file)
      .split('\n')
      .filter((line) => line !== '');
    const fits = (line: string): boolean => {
      const words = file === '/etc/hosts' ? line.split(/\s+/) : line.split(':');
      return (
        keys.length === 0 ||
        keys.some((key) =>
          file === '/etc/hosts' ? words.includes(key) : words[0] === key || words[2] === key,
        )
      );
    };
    const found = lines.filter(fits);
    await context.out(found.map((line) => `${line}\n`).join(''));
    return found.length > 0 ? 0 : 2;
  },
};

const uptime: Tool = {
  run: async (context) => {
    const seconds = Number(context.files.read('/proc/uptime').split('.')[0]);
    await context.out(` up ${Math.floor(seconds / 60)} min,  load average: 0.00, 0.01, 0.05\n`);
    return 0;
  },
};

/** nc: whether somebody listens on a port of this container. */
const nc: Tool = {
  run: async (context) => {
    const { rest } = parseOptions(context.args, 'zvw:nu46q:');
    const [host = '', port = ''] = rest;
    const own = ['localhost', '127.0.0.1', '::1', context.machine.hostname, ...addressesOf(context)];
    const { family, inside } = context.machine;
    const isOpen = own.includes(host) && listeningPorts(family, inside).includes(Number(port));
    if (!isOpen) throw new ToolError(`connect to ${host} port ${port} (tcp) failed: Connection refused`);
    return 0;
  },
};

const ss: Tool = {
  run: async (context) => {
    const ports = listeningPorts(context.machine.family, context.machine.inside);
    const lines = ports.map(
      (port) => `LISTEN 0      128          0.0.0.0:${String(port).padEnd(10)} 0.0.0.0:*\n`,
    );
    await context.out(`State  Recv-Q Send-Q Local Address:Port  Peer Address:Port\n${lines.join('')}`);
    return 0;
  },
};

const nproc: Tool = {
  run: async (context) => {
    await context.out(`${context.machine.container.config['cores'] ?? '1'}\n`);
    return 0;
  },
};

const whoami: Tool = {
  run: async (context) => {
    await context.out(`${context.user.split(':')[0]}\n`);
    return 0;
  },
};

export const notOnAlpine = (tool: Tool): Tool => ({ ...tool, isIn: (family) => family !== 'alpine' });

export const systemTools: Readonly<Record<string, Tool>> = {
  date,
  getent,
  hostname,
  id,
  ip,
  nc,
  nproc,
  ps,
  ss: notOnAlpine(ss),
  stty,
  tty,
  uname,
  uptime,
  which,
  whoami,
};
