/**
 * The format of fleet files and blueprints as a zod schema: which keys there are and what each may hold. The only place
 * that knows zod; the JSON Schema for editors is made from it. What needs more than one key is checked in check.ts.
 */
import { z } from 'zod';
import { accountName, checkExpiry, checkRealm, roleValue } from './account-formats.ts';
import { addressValue, checkAddress, checkNameserver } from './addresses.ts';
import * as extra from './extra-formats.ts';
import { maxCount } from './file.ts';
import * as format from './formats.ts';
import { checkEmail, checkPerson, groupValue, loginValue } from './person-formats.ts';
import * as schedules from './schedule-formats.ts';
import * as step from './step-formats.ts';
import { templateSourceValue } from './template-sources.ts';
import {
  environmentValue,
  modeValue,
  numberedInteger,
  passwordValue,
  sizeValue,
  sshKeyValue,
  textList,
  textValue,
  type ValueCheck,
} from './values.ts';

type Json = Readonly<Record<string, unknown>>;
type Fields = Record<string, z.ZodType>;

const string: Json = { type: 'string' };
const strings: Json = { type: 'array', items: string };
const oneOrMore: Json = { anyOf: [string, strings] };
const sizeJson: Json = { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)? ?(KiB|MiB|GiB|TiB)$' };
const secretJson: Json = { type: 'string', pattern: '^\\$\\{(env|file|command):[^}]+\\}$' };

const checksumJson: Json = {
  type: 'string',
  pattern: '^(md5|sha1|sha224|sha256|sha384|sha512):[0-9A-Fa-f]{32,128}$',
  description: 'ALGORITHM:HEX; the server verifies it after the download',
};
const fileNameJson: Json = { type: 'string', description: 'Name of the archive on the storages' };
const sourceJson = (key: string, description: string, more: Json = {}): Json => ({
  type: 'object',
  properties: { [key]: { type: 'string', description }, filename: fileNameJson, ...more },
  required: [key],
  additionalProperties: false,
});
const templateSourceJson: Json = {
  anyOf: [
    { type: 'string', description: 'Pattern of file names, or a volume STORAGE:vztmpl/FILE' },
    sourceJson('url', 'The nodes download it from there', { checksum: checksumJson }),
    sourceJson('oci', 'Image of a registry, REGISTRY/IMAGE:TAG; Proxmox VE 9.1 or newer'),
    sourceJson('file', 'A file of this machine that is uploaded; starts at the folder of the fleet file'),
  ],
};

/** A value with a check of our own; `json` describes it to editors. */
const value = (json: Json, check: ValueCheck): z.ZodType =>
  z
    .unknown()
    .superRefine((given, context) => {
      for (const { path = [], ...params } of check(given))
        context.addIssue({ code: 'custom', message: params.message ?? '', path: [...path], params });
    })
    .meta(json);
const text = (check?: format.TextCheck): z.ZodType => value(string, textValue(check));
const numbered = (check?: format.TextCheck): z.ZodType => value(string, textValue(check, true));
const whole = (least: number, most: number): z.ZodType => z.int().min(least).max(most);

const poolJson = (range: string): Json => ({
  type: 'object',
  properties: {
    range: { type: 'string', description: range },
    prefix: { type: 'integer', minimum: 8, maximum: 128, description: 'Prefix length' },
    exclude: { ...oneOrMore, description: 'Addresses, ranges and networks that are never chosen' },
  },
  required: ['range'],
  additionalProperties: false,
});
const address = (family: 4 | 6, range: string): z.ZodType =>
  value({ anyOf: [string, poolJson(range)] }, addressValue(family));

/** May be left out: not managed then. */
const field = (description: string, type: z.ZodType): z.ZodType => type.optional().meta({ description });
/** May also be null: must be unset. */
const unset = (description: string, type: z.ZodType): z.ZodType => field(description, type.nullable());
/** Maps by name; null instead of a member drops what an earlier layer gave. */
const named = (type: z.ZodType): z.ZodType => z.record(z.string(), type.nullable());

const flag: z.ZodType = z.boolean();
const mountOption = z.enum(['discard', 'lazytime', 'noatime', 'nodev', 'noexec', 'nosuid']);

const net = z
  .strictObject({
    bridge: field('Bridge of the node, for example vmbr0', text(format.checkBridge)),
    ip: unset(
      'dhcp, manual, an IPv4 address with prefix length, or a range to choose from',
      address(4, '10.1.0.10-10.1.0.99, or a network: 10.1.0.0/24'),
    ),
    gateway: unset('IPv4 address of the default route', numbered(checkAddress(4))),
    ip6: unset(
      'auto, dhcp, manual, an IPv6 address with prefix length, or a range to choose from',
      address(6, 'fd00::100-fd00::1ff, or a network: fd00::/64'),
    ),
    gateway6: unset('IPv6 address of the default route', numbered(checkAddress(6))),
    mac: unset(
      'MAC address; stable: follows from fleet, name and interface; left out or null: the server chooses one and it is kept',
      numbered(format.checkMacOrStable),
    ),
    vlan: unset(
      'VLAN of the interface, 1 to 4094',
      value({ type: ['integer', 'string'] }, numberedInteger(1, 4094, 'SPEC_RANGE')),
    ),
    trunks: unset('VLANs passed through', z.array(whole(1, 4094))),
    mtu: unset('Largest packet in bytes, 64 to 65535', whole(64, 65535)),
    rate: unset('Limit in MB/s', z.number().min(0.001).max(100_000)),
    firewall: field('Use the firewall of Proxmox VE on this interface', flag),
    linkDown: field('Unplug the virtual cable', flag),
    hostManaged: field('The host configures the address instead of the container', flag),
  })
  .meta({ id: 'net' });

const volumeOptions: Fields = {
  acl: unset('Force ACL support on or off; null: as the file system does', flag),
  quota: field('User quotas; privileged containers only', flag),
  replicate: field('Take part in storage replication', flag),
  readOnly: field('Mount it read-only', flag),
  shared: field('The same on all nodes', flag),
  idmap: unset('passthrough, or mappings such as u:0:100000:65536', text(extra.checkIdmap)),
  options: unset('Mount options', z.array(mountOption)),
};

const rootfs = z
  .strictObject({
    storage: field('Storage that the root disk is created on', text(format.checkStorage)),
    size: field('Size; it can grow later, never shrink', value(sizeJson, sizeValue(1, true))),
    ...volumeOptions,
  })
  .meta({ id: 'rootfs' });

const mount = z
  .strictObject({
    storage: unset('Storage for a new volume; needs size', text(format.checkStorage)),
    size: unset('Size of the volume; it can grow later, never shrink', value(sizeJson, sizeValue(1, true))),
    source: unset(
      'Instead of storage: an existing volume, a directory or a device of the node',
      numbered(format.checkMountSource),
    ),
    backup: field('Include it in backups', flag),
    keepAttributes: field('Keep owner and mode of the directory below', flag),
    ...volumeOptions,
  })
  .meta({ id: 'mount' });

const device = z
  .strictObject({
    mode: field(
      'Access mode, four octal digits',
      value({ type: 'string', pattern: '^0[0-7]{3}$' }, modeValue),
    ),
    uid: field('Owner inside the container', whole(0, 4294967295)),
    gid: field('Group inside the container', whole(0, 4294967295)),
    denyWrite: field('Read only', flag),
  })
  .meta({ id: 'device' });

const features = z
  .strictObject({
    nesting: field('Containers inside; what newer systemd versions need', flag),
    keyctl: field('The keyctl system call, for Docker in unprivileged containers', flag),
    fuse: field('FUSE file systems', flag),
    mknod: field('Some device nodes', flag),
    forceRwSys: field('Writable /sys in unprivileged containers', flag),
    mount: field(
      'File system types that may be mounted',
      value(
        strings,
        textList((type) => (/^\w+$/.test(type) ? undefined : badType(type)), false),
      ),
    ),
  })
  .meta({ id: 'features' });
const badType = (type: string): { code: string; message: string } => ({
  code: 'SPEC_VALUE',
  message: `'${type}' is not a type of file system`,
});

const startup = z
  .strictObject({
    order: field('Position in the start order of the node', whole(0, 1_000_000)),
    up: field('Seconds to wait after it was started', whole(0, 1_000_000)),
    down: field('Seconds to wait for its shutdown', whole(0, 1_000_000)),
  })
  .meta({ id: 'startup' });

const reset = z
  .strictObject({
    strategy: field(
      'auto (default): the cheapest that storage, snapshots and mounts allow',
      z.enum(['auto', 'rollback', 'reclone', 'rebuild']),
    ),
    snapshot: field(
      'Snapshot taken after the first successful start (default baseline)',
      text(extra.checkSnapshotName),
    ),
  })
  .meta({ id: 'reset' });

const placement = z
  .strictObject({
    strategy: field(
      'spread (default): the emptiest node first; pack: the fullest one that still has room',
      z.enum(['spread', 'pack']),
    ),
    nodes: unset('Nodes to choose from (default: all)', value(oneOrMore, textList(format.checkNode, true))),
    antiAffinity: unset(
      'Groups whose members are kept on different nodes as far as there are enough',
      value(oneOrMore, textList(format.checkKey, true)),
    ),
  })
  .meta({ id: 'placement' });
const overcommit = z.number().min(0.1).max(100);
const source = z
  .strictObject({
    clone: field(
      'Container to copy: a key of this fleet, a host name or a vmid',
      value({ type: ['string', 'integer'] }, extra.sourceValue),
    ),
    full: field('A full copy (true) or a linked clone (false); default: linked where that works', flag),
    snapshot: field('Snapshot of the container to copy', text(extra.checkSnapshotName)),
    backup: field('Backup to restore: STORAGE:backup/vzdump-lxc-…', text(extra.checkBackup)),
  })
  .meta({ id: 'from' });

const ha = z
  .strictObject({
    state: field('Default: as power says', z.enum(['started', 'stopped', 'disabled', 'ignored'])),
    maxRestart: unset('Tries to start it on one node (default 1)', whole(0, 10)),
    maxRelocate: unset('Tries on other nodes (default 1)', whole(0, 10)),
    failback: field('Go back to the preferred node when it is there again', flag),
    comment: unset('Remark', text(extra.checkComment)),
  })
  .meta({ id: 'ha' });

const policy = z.enum(['ACCEPT', 'DROP', 'REJECT']);
const logLevel = z.enum(['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug', 'nolog']);
const firewallRule = z
  .strictObject({
    type: z.enum(['in', 'out', 'forward', 'group']).meta({ description: 'Direction, or a security group' }),
    action: text(extra.checkAction).meta({ description: 'ACCEPT, DROP, REJECT or the name of a group' }),
    enable: field('Default true', flag),
    macro: field('Service, for example SSH', text(extra.checkWord)),
    proto: field('Protocol', text(extra.checkWord)),
    source: field('Addresses, an alias or +ipset', text(extra.checkComment)),
    dest: field('Addresses, an alias or +ipset', text(extra.checkComment)),
    sport: field('Source ports, for example "80" or "8000:8100"', text(extra.checkPorts)),
    dport: field('Destination ports', text(extra.checkPorts)),
    icmpType: field('ICMP type', text(extra.checkWord)),
    iface: field('Interface by its key, net0', text(extra.checkNetKey)),
    log: field('Log level', logLevel),
    comment: field('Remark', text(extra.checkComment)),
  })
  .meta({ id: 'firewallRule' });
const firewall = z
  .strictObject({
    enable: field('Filter the interfaces that have firewall: true', flag),
    dhcp: field('Allow DHCP', flag),
    ndp: field('Allow neighbour discovery', flag),
    radv: field('Allow router advertisements', flag),
    ipFilter: field('Only the addresses of the ipfilter sets', flag),
    macFilter: field('Only its own MAC addresses', flag),
    policyIn: unset('What happens to other packets coming in', policy),
    policyOut: unset('What happens to other packets going out', policy),
    logLevelIn: unset('Log level of packets coming in', logLevel),
    logLevelOut: unset('Log level of packets going out', logLevel),
    rules: field('Rules, first match wins; those not named are removed', z.array(firewallRule)),
  })
  .meta({ id: 'firewall' });

const durationJson: Json = { type: 'string', pattern: '^([0-9]+(\\.[0-9]+)?(s|min|h|d))+$' };
const provisionStep = z
  .strictObject({
    name: field('What to call the step (default: what it does)', text(extra.checkComment)),
    timeout: field('How long it may take (default 30min)', value(durationJson, step.durationValue(24))),
    run: field(
      'Script as root, for sh -e or the interpreter in its first line',
      value(string, textValue(step.checkScript)),
    ),
    env: field(
      'Variables of the script; secrets as references such as ${env:NAME}',
      value({ type: 'object', additionalProperties: string }, step.stepEnvironment),
    ),
    copy: field(
      'Puts a file or folder of this machine into the container',
      z.strictObject({
        from: field('File or folder; starts at the folder of the fleet file', text()),
        to: field('Path inside the container', text(step.checkInsidePath)),
        mode: field(
          'Access mode of all files, four octal digits (default: as they are here)',
          value({ type: 'string', pattern: '^[0-7]{4}$' }, step.fileModeValue),
        ),
        owner: field('user or user:group (default: root)', text(step.checkOwner)),
      }),
    ),
    packages: field(
      'Installs packages with apt-get, apk, dnf, zypper or pacman',
      value(oneOrMore, textList(step.checkPackage, true)),
    ),
    service: field(
      'Service of systemd or OpenRC',
      z.strictObject({
        name: field('Its name', text(step.checkService)),
        state: field('Start or stop it', z.enum(['running', 'stopped'])),
        enabled: field('Whether it starts with the container', flag),
      }),
    ),
  })
  .meta({ id: 'provisionStep', description: 'One of run, copy, packages and service' });
const ready = z
  .strictObject({
    timeout: field('How long it may take (default 2min)', value(durationJson, step.durationValue(24))),
    checks: field(
      'All of them must hold',
      z.array(
        z
          .strictObject({
            command: field('Ends with 0', value(string, textValue(step.checkScript))),
            port: field('Somebody listens on this TCP port', whole(1, 65_535)),
            file: field('It is there', text(step.checkInsidePath)),
            address: field('The interface has an address', text(format.checkInterface)),
          })
          .meta({ id: 'readyCheck', description: 'One of command, port, file and address' }),
      ),
    ),
  })
  .meta({ id: 'ready' });
const day: Json = { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}$' };
const time: Json = { type: 'string', pattern: '^\\d{1,2}:\\d{2}$' };
const span: Json = { type: 'string', pattern: '^(\\d+(\\.\\d+)?\\s*(s|min|h|d)\\s*)+$' };
const dayMs = 86_400_000;
const weekdays = value(oneOrMore, schedules.weekdaysValue);
const keep = whole(1, 1000);
const steps = z.array(z.enum(['snapshot', 'reset']));
const timed = z
  .strictObject({
    do: z.enum(['start', 'stop', 'snapshot', 'reset', 'freeze']).meta({ description: 'What is done' }),
    at: value(string, schedules.whenValue).meta({
      description: 'Time of day, 18:00, or once: 2026-11-23T18:00, whatever term and holidays say',
    }),
    days: field('Days of the week (default: all), [mon, wed] or mon-fri', weekdays),
    name: field(
      'snapshot: beginning of its name (default timed); a time is added',
      text(schedules.checkPrefix),
    ),
    keep: field('snapshot: so many of them are kept, older ones deleted (default: all kept)', keep),
    stop: field('freeze: shut it down', flag),
    snapshot: field('freeze: take a snapshot of this name', text(extra.checkSnapshotName)),
  })
  .meta({ id: 'timedAction' });
const lesson = z
  .strictObject({
    days: field('Days of the week (default: all), [mon, wed] or mon-fri', weekdays),
    from: value(time, schedules.timeValue).meta({ description: 'Begin, 08:00: containers are started' }),
    to: value(time, schedules.timeValue).meta({ description: 'End, 12:00: containers are shut down' }),
    lead: field('They start so much earlier, 10min', value(span, schedules.spanValue(dayMs, '1d'))),
    before: field('Done before they start', steps),
    after: field('Done after they were shut down', steps),
    keep: field('Snapshots of classes that are kept (default: all)', keep),
  })
  .meta({ id: 'class' });
const schedule = z
  .strictObject({
    timezone: field('Zone of all times, for example Europe/Vienna', text(schedules.checkZone)),
    term: unset(
      'Days with classes and repeated actions, both included',
      z.strictObject({
        from: field('First day, 2026-09-14', value(day, textValue(schedules.checkDay))),
        to: field('Last day, 2027-01-31', value(day, textValue(schedules.checkDay))),
      }),
    ),
    holidays: unset(
      'Days without, 2026-10-26 or 2026-12-24..2027-01-06',
      value(strings, textList(schedules.checkDayRange, false)),
    ),
    classes: unset('Times at which containers run', z.array(lesson)),
    actions: unset('What is done at other times', z.array(timed)),
    grace: field(
      'What was missed is caught up so long (default 1h)',
      value(span, schedules.spanValue(7 * dayMs, '7d')),
    ),
    wave: unset('So many containers at once', whole(1, 1000)),
    pause: unset('Time between two waves', value(span, schedules.spanValue(3_600_000, '1h'))),
    expires: unset('Last day of the container', value(day, textValue(schedules.checkDay))),
    announce: field(
      'So long before, it is announced by a tag (default 7d)',
      value(span, schedules.spanValue(365 * dayMs, '365d')),
    ),
    onExpiry: field('Then: stop (default), or stop and later remove', z.enum(['stop', 'remove'])),
    removeAfter: field(
      'With remove: kept so long, stopped (default 7d)',
      value(span, schedules.spanValue(3650 * dayMs, '3650d')),
    ),
  })
  .meta({ id: 'schedule' });

/** Keys that make sense in defaults and blueprints, too. */
const shared: Fields = {
  blueprint: unset(
    'Blueprints to start from, later ones win',
    value(oneOrMore, textList(format.checkBlueprintName, true)),
  ),
  node: field(
    'Node that the container is created on; auto: chosen by placement, and kept',
    numbered(format.checkNode),
  ),
  placement: field('How the node is chosen when it is auto', placement),
  template: field(
    'Alias (debian-13), file name or pattern of a template, or a volume STORAGE:vztmpl/FILE',
    text(format.checkTemplate),
  ),
  from: unset('Made from a container or a backup instead of a template; used at creation only', source),
  isTemplate: field('Turn it into a template once it is made; cannot be undone', flag),
  templateStorage: field('Storage that templates are downloaded to', text(format.checkStorage)),
  unprivileged: field('Unprivileged container (default true); fixed at creation', flag),
  cores: unset('CPU cores; null: all of the node', whole(1, 8192)),
  cpuLimit: unset("CPUs' worth of time; 0 or null: no limit", z.number().min(0).max(8192)),
  cpuUnits: unset('CPU weight, 1 to 10000', whole(1, 10_000)),
  memory: field('Memory, for example 512MiB', value(sizeJson, sizeValue(16))),
  swap: field('Swap, for example 0MiB', value(sizeJson, sizeValue(0))),
  rootfs: field('Root disk', rootfs),
  mounts: unset('Mount points by path inside the container; those not named are detached', named(mount)),
  nets: unset('Network interfaces by name inside the container; those not named are removed', named(net)),
  devices: unset('Devices of the node by path; root@pam only', named(device)),
  features: unset('Feature flags; those not named are off', features),
  onboot: field('Start it when the node starts', flag),
  protection: field('Guard against removal of the container and its disks', flag),
  startup: unset('Start order and delays', startup),
  nameserver: unset(
    'DNS servers; null: those of the node',
    value(oneOrMore, textList(checkNameserver, true)),
  ),
  searchDomain: unset(
    'DNS search domains; null: those of the node',
    value(oneOrMore, textList(format.checkDnsName, true)),
  ),
  timezone: unset('host, UTC or a zone such as Europe/Vienna', text(format.checkTimezone)),
  tags: unset('Tags, beside the one that marks the owner', value(strings, textList(format.checkTag, false))),
  description: unset('Notes, Markdown', numbered(format.checkDescription)),
  hookscript: unset('Volume of a hook script; root@pam only', text(format.checkHookscript)),
  cmode: unset('What the console shows', z.enum(['tty', 'console', 'shell'])),
  tty: unset('Number of ttys, 0 to 6', whole(0, 6)),
  console: field('Attach a console device', flag),
  debug: field('Verbose log of the start', flag),
  arch: field('Architecture', z.enum(['amd64', 'arm64', 'armhf', 'i386', 'riscv32', 'riscv64'])),
  ostype: field(
    'Distribution, when it cannot be detected from the template',
    z.enum([
      'alpine',
      'archlinux',
      'centos',
      'debian',
      'devuan',
      'fedora',
      'gentoo',
      'nixos',
      'opensuse',
      'ubuntu',
      'unmanaged',
    ]),
  ),
  entrypoint: unset('Program to start instead of /sbin/init', text()),
  env: unset('Environment variables of the init process', named(value(string, environmentValue))),
  pool: unset('Resource pool; null: in none', numbered(format.checkPool)),
  ha: unset('High availability; null: not managed by HA', ha),
  firewall: field('Firewall of the container', firewall),
  power: field('What it should be doing (default running)', z.enum(['running', 'stopped', 'unmanaged'])),
  reset: unset('How it is set back to its baseline; null: no baseline is taken', reset),
  provision: unset(
    'Done inside the container after its first start, in this order, each once per content; needs cmode: shell',
    z.array(provisionStep),
  ),
  ready: unset('When it is ready; awaited after a start and by those that depend on it', ready),
  restart: field(
    'May it be restarted for changes that need it (default ask: with --allow restart)',
    z.enum(['never', 'ask', 'always']),
  ),
  schedule: unset('Class times, timed actions and expiry; carried out by pvefleet tick', schedule),
  dependsOn: unset(
    'Containers of this fleet that must be up first',
    value(oneOrMore, textList(format.checkKey, true)),
  ),
  sshKeys: unset(
    `Lines of SSH public keys for root, or \${env:NAME}; used at creation only`,
    value(strings, textList(sshKeyValue(format.checkSshKey), false)),
  ),
  password: unset(
    'Reference to the password of root; used at creation only',
    value(secretJson, passwordValue),
  ),
};

const single: Fields = {
  vmid: field(
    'Fixed id, or auto (default): the first free one of the range',
    value(
      { anyOf: [{ type: 'integer', minimum: 100, maximum: 999_999_999 }, string] },
      numberedInteger(100, 999_999_999, 'SPEC_VMID', 'auto'),
    ),
  ),
  hostname: field('Host name (default: the name of the entry)', numbered(format.checkDnsName)),
  adopt: field('Take over an existing container of this vmid that nobody owns', flag),
  renamedFrom: field(
    'Name that the entry had before: its container is kept; to be removed after the apply',
    numbered(format.checkKey),
  ),
};
const count = whole(0, maxCount);
const name = numbered(format.checkKey);

const container: z.ZodType = z
  .strictObject({
    ...shared,
    ...single,
    count: field('Make this many; name, addresses and more may use {n}, {nn} or {100+n}', count),
    name: field('Name of counted containers, for example web-{n} (default: the key)', name),
  })
  .nullable()
  .meta({ id: 'container' });

const studentContainer: z.ZodType = z
  .strictObject({ ...shared, ...single })
  .nullable()
  .meta({ id: 'studentContainer' });
const perContainer: z.ZodType = field(
  'Keys of single containers, where a student has several',
  z.record(z.string(), studentContainer),
);
const group: z.ZodType = z
  .strictObject({ ...shared, containers: perContainer })
  .nullable()
  .meta({ id: 'group' });

const accounts = z
  .strictObject({
    realm: field('Realm of the users (default pve)', text(checkRealm)),
    user: field('Name of each user (default {login}@{realm})', value(string, accountName)),
    create: field('Create the users (default); false: they exist already', flag),
    pool: unset(
      'Pool of the containers of each student (default {fleet}-{login}); null: rights on each container',
      text(),
    ),
    role: field(
      'What students may do: the name of a role that exists, or one to create',
      value(
        {
          anyOf: [
            string,
            {
              type: 'object',
              properties: {
                name: { type: 'string', description: 'Default: the name of the fleet and -student' },
                privileges: {
                  ...strings,
                  description: 'Default: VM.Audit, VM.Console, VM.PowerMgmt',
                },
              },
              additionalProperties: false,
            },
          ],
        },
        roleValue,
      ),
    ),
    expire: field('Day on whose end (UTC) the accounts end, 2027-02-15', text(checkExpiry)),
    enable: field('May they log in', flag),
  })
  .meta({ id: 'accounts' });

/** Keys of an interface that a row may write without saying which one, where there is only one. */
export const rowNetKeys: readonly string[] = [
  'bridge',
  'ip',
  'gateway',
  'ip6',
  'gateway6',
  'mac',
  'vlan',
  'rate',
];

/** Format of one student in a roster: the person, and keys that are other than those of the rest. */
export const studentSchema: z.ZodType = z
  .strictObject({
    name: field('Name of the person', text(checkPerson)),
    login: field(
      'Short name, unique and for good (default: made from the name)',
      value({ type: ['string', 'integer'] }, loginValue),
    ),
    group: field('Group', value({ type: ['string', 'integer'] }, groupValue)),
    email: field('E-mail address', text(checkEmail)),
    number: field('Stands for {n}; stays the same for good', whole(0, 999_999_999)),
    ...shared,
    ...single,
    ...Object.fromEntries(rowNetKeys.map((key) => [key, (net.shape as Fields)[key] as z.ZodType])),
    containers: perContainer,
  })
  .nullable()
  .meta({ id: 'student' });

/** Keys that only make sense in an entry; for a better message than "unknown key". */
export const entryOnlyKeys: readonly string[] = [...Object.keys(single), 'count', 'name'];

/** Format of a blueprint file, and of `defaults` and the members of `blueprints`. */
export const blueprintSchema: z.ZodType = z
  .strictObject(shared)
  .nullable()
  .meta({ id: 'blueprint', description: 'Keys shared by several containers' });

const rosterText = text().meta({ description: 'Path of a CSV or YAML file, from the folder of this file' });
/** What is in a roster is checked by roster.ts, row by row. */
const anyRoster = value({}, (given) =>
  typeof given === 'string' || (typeof given === 'object' && given !== null)
    ? []
    : [{ expected: 'the path of a file, a list or a map' }],
);

const fleetOf = (roster: z.ZodType): z.ZodType =>
  z.strictObject({
    version: z.literal(1).meta({ description: 'Version of this format' }),
    fleet: text(format.checkFleetName).meta({ description: 'Name of the fleet; marks what it owns' }),
    vmids: field(
      'Range for automatic ids (default 100 to 999), both ends inclusive',
      z.strictObject({ from: whole(100, 999_999_999), to: whole(100, 999_999_999) }),
    ),
    placement: field('How nodes are chosen where they are auto; containers may say otherwise', placement),
    capacity: field(
      'How far what is promised may go beyond what is there; without a factor that is a warning, with it a refusal',
      z.strictObject({
        memoryOvercommit: field('Sum of memory limits on a node, as a multiple of its memory', overcommit),
        storageOvercommit: field(
          'New volumes on a thin or sparse storage, as a multiple of its free space',
          overcommit,
        ),
      }),
    ),
    schedule: unset('Schedule of all containers; theirs is put over it', schedule),
    templates: field(
      'Own templates by alias: a pattern or volume, or where an archive comes from',
      z.record(z.string(), value(templateSourceJson, templateSourceValue)).nullable(),
    ),
    defaults: field('Keys for all containers', blueprintSchema),
    blueprints: field('Blueprints by name', z.record(z.string(), blueprintSchema).nullable()),
    containers: field('Containers by name', z.record(z.string(), container).nullable()),
    students: field(
      'Containers for people: as many as there are on a roster, or a count',
      z
        .strictObject({
          roster: field('Who they are: a CSV or YAML file, or a list or map here', roster),
          count: field('Number of students, where there is no roster', count),
          name: field(
            'Name of each container (default student-{login}, with a count student-{nn}; -{container} where there are several)',
            name,
          ),
          groups: field('Keys of each group, above those of all students', z.record(z.string(), group)),
          containers: perContainer.meta({ description: 'Several containers for each student, by name' }),
          accounts: field('Users, pools and rights', accounts),
          ...shared,
          ...single,
        })
        .meta({ id: 'students' }),
    ),
  });

/** Format of a fleet file. */
export const fleetSchema: z.ZodType = fleetOf(anyRoster);
/** The same, with the rows of a roster in the file described. */
export const fleetSchemaForEditors: z.ZodType = fleetOf(
  z.union([rosterText, z.array(studentSchema), z.record(z.string(), studentSchema)]),
);

/**
 * Describes a schema to editors.
 *
 * @param schema - one of the schemas above.
 * @returns a JSON Schema, draft 7: what the YAML language server reads.
 */
export function toJsonSchema(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, { target: 'draft-7', io: 'input' });
}

const bare = (type: z.ZodType): z.ZodType =>
  type instanceof z.ZodOptional || type instanceof z.ZodNullable ? bare(type.unwrap() as z.ZodType) : type;

function schemaAt(schema: z.ZodType, path: readonly (string | number)[]): z.ZodType | undefined {
  let current = schema;
  for (const step of path) {
    const map = bare(current);
    const next: unknown =
      map instanceof z.ZodObject
        ? (map.shape as Record<string, unknown>)[String(step)]
        : map instanceof z.ZodRecord
          ? map.valueType
          : map instanceof z.ZodArray
            ? map.element
            : undefined;
    if (!(next instanceof z.ZodType)) return undefined;
    current = next;
  }
  return current;
}

/**
 * Lists the keys that a map may have.
 *
 * @param schema - schema of the whole file.
 * @param path - where the map stands.
 * @returns its keys in the order of the schema; none when any key may stand there.
 */
export function keysAt(schema: z.ZodType, path: readonly (string | number)[]): readonly string[] {
  const current = schemaAt(schema, path);
  const map = current && bare(current);
  return map instanceof z.ZodObject ? Object.keys(map.shape as object) : [];
}

/**
 * Tells whether a value may stand somewhere.
 *
 * @param schema - schema of the whole file.
 * @param path - where.
 * @param given - the value.
 * @returns false also where no key may stand.
 */
export function acceptsAt(schema: z.ZodType, path: readonly (string | number)[], given: unknown): boolean {
  return schemaAt(schema, path)?.safeParse(given).success ?? false;
}
