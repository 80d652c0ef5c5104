import { describe, expect, test } from 'vitest';
import { namedFormat, splitServerList } from '../../../src/simulator/validate/formats.ts';

function check(name: string, value: string): string | undefined {
  const format = namedFormat(name);
  if (format?.kind !== 'check') throw new Error(`${name} is no simple format`);
  return format.check(value);
}

describe('named formats', () => {
  test.each<[name: string, good: readonly string[], bad: readonly string[], text: string]>([
    [
      'pve-vmid',
      ['100', '999999999'],
      ['99', '0100', '1000000000', 'x'],
      'value does not look like a valid VM ID',
    ],
    [
      'pve-node',
      ['pve1', 'a-b', 'P'],
      ['bad_node', '-a', 'a-'],
      'value does not look like a valid node name',
    ],
    [
      'pve-storage-id',
      ['local', 'local-lvm', 'a.b'],
      ['1bad!'],
      "storage ID '1bad!' contains illegal characters",
    ],
    ['pve-storage-id', ['ab'], ['a'], "storage ID 'a' cannot be shorter than 2 characters"],
    ['pve-configid', ['snap1', 'ab'], ['1bad'], "invalid configuration ID '1bad'"],
    ['pve-volume-id', ['local:8'], ['local'], "unable to parse volume ID 'local'"],
    ['pve-iface', ['eth0', 'vmbr0.100'], ['0eth'], "invalid network interface name '0eth'"],
    [
      'dns-name',
      ['web01', 'a.b-c.d'],
      ['bad_host', 'bad-', '-bad', 'a..b'],
      'value does not look like a valid DNS name',
    ],
    [
      'mac-addr',
      ['BC:24:11:00:00:01'],
      ['01:00:00:00:00:01', 'BC:24:11:00:00'],
      'value does not look like a valid unicast MAC address',
    ],
    [
      'ip',
      ['10.0.0.1', 'fd00::1'],
      ['10.0.0.x', '10.0.0.1/24', 'fe80::1%eth0'],
      'value does not look like a valid IP address',
    ],
    ['ipv4', ['10.0.0.1'], ['fd00::1', '10.0.0.256'], 'value does not look like a valid IPv4 address'],
    ['ipv6', ['fd00::1', '::'], ['10.0.0.1'], 'value does not look like a valid IPv6 address'],
    [
      'CIDRv4',
      ['10.0.0.0/8', '10.0.0.1/32'],
      ['10.0.0.0/7', '10.0.0.0/33', '10.0.0.0'],
      'value does not look like a valid IPv4 network',
    ],
    [
      'pve-ipv4-config',
      ['dhcp', 'manual', '10.0.0.5/24'],
      ['auto', '10.0.0.5'],
      'value does not look like a valid ipv4 network configuration',
    ],
    [
      'pve-ipv6-config',
      ['auto', 'dhcp', 'manual', 'fd00::1/64'],
      ['fd00::1', '10.0.0.1/24'],
      'value does not look like a valid ipv6 network configuration',
    ],
    [
      'lxc-ip-with-ll-iface',
      ['1.1.1.1', 'fe80::1%eth0'],
      ['dns.example'],
      'value does not look like a valid IP address',
    ],
    ['disk-size', ['8G', '512M', '1.5T', '100'], ['big'], 'value does not look like a valid disk size: big'],
    [
      'pve-startup-order',
      ['1', 'order=2,up=30', 'down=5'],
      ['first', 'order=x'],
      'unable to parse startup options',
    ],
    ['pve-tag', ['web', '_a', 'a-b+c.d', 'Web'], ['b@d', '-a'], 'invalid characters in tag'],
    [
      'pve-ct-timezone',
      ['host', 'UTC', 'Europe/Berlin'],
      ['Mars/Olympus'],
      "invalid time zone 'Mars/Olympus'",
    ],
    ['pve-lxc-mp-string', ['/data', 'local:8'], ['/a/../b'], '/a/../b contains illegal character sequences'],
    ['pve-lxc-dev-string', ['/dev/null'], ['/etc/passwd'], '/etc/passwd is not a valid device path'],
    ['pve-poolid', ['lab', 'a/b/c'], ['a/b/c/d'], "pool name 'a/b/c/d' nested too deeply (max levels = 3)"],
    [
      'pve-userid',
      ['root@pam', 'a.b@pve'],
      ['norealm'],
      "value 'norealm' does not look like a valid user name",
    ],
    ['pve-tokenid', ['root@pam!t1'], ['root@pam'], "value 'root@pam' does not look like a valid token ID"],
    ['pve-priv', ['VM.Audit'], ['VM.Fly'], "invalid privilege 'VM.Fly'"],
  ])('%s', (name, good, bad, text) => {
    expect(good.map((value) => check(name, value))).toEqual(good.map(() => undefined));
    for (const value of bad) expect(check(name, value)).toBeDefined();
    expect(check(name, bad[0] as string)).toBe(text);
  });

  test('X-list and X-opt are derived from X', () => {
    expect(namedFormat('pve-tag-list')).toMatchObject({ kind: 'check', list: 'list' });
    expect(namedFormat('email-opt')).toMatchObject({ kind: 'check', list: 'opt' });
    expect(namedFormat('proxmox-remote')).toMatchObject({ kind: 'object' });
    expect(namedFormat('no-such-format')).toBeUndefined();
  });

  test('lists are split at commas, semicolons and blanks, or at NUL where there is one', () => {
    expect(splitServerList('a,b;c  d')).toEqual(['a', 'b', 'c', 'd']);
    expect(splitServerList('a=1,2\0b=3 4')).toEqual(['a=1,2', 'b=3 4']);
    expect(splitServerList('')).toEqual([]);
  });
});
