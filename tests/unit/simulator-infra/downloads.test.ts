import { expect, test } from 'vitest';
import type { SimWorker } from '../../../src/simulator/context.ts';
import { officialCatalogue, sumsOf } from '../../../src/simulator/model/appliances.ts';
import { download, lookUp, type Remote } from '../../../src/simulator/model/downloads.ts';

const catalogue = officialCatalogue();
const MiB = 1024 ** 2;

/** A worker that only notes what it is told; time passes when it sleeps. */
function notes(): { worker: SimWorker; lines: string[]; elapsed: () => number } {
  const lines: string[] = [];
  let elapsed = 0;
  const worker: SimWorker = {
    upid: 'UPID:pve1:00000CAC:0004543E:6B04666B:download:x:root@pam:',
    log: (line) => void lines.push(line),
    warn: (text) => void lines.push(`WARN: ${text}`),
    sleep: async (ms) => {
      elapsed += ms;
    },
    signal: new AbortController().signal,
    diesHard: () => undefined,
  };
  return { worker, lines, elapsed: () => elapsed };
}

const start = Date.UTC(2026, 10, 23, 16, 14, 35);
const request = (remote: Remote, more: object = {}) => ({
  url: 'http://download.proxmox.com/images/system/a.tar.xz',
  path: '/var/lib/vz/template/cache/a.tar.xz',
  remote,
  now: () => start,
  random: () => 0.5,
  ...more,
});
const fileOf = (sizeBytes: number): Remote => ({
  outcome: 'file',
  file: { sizeBytes, mimetype: 'application/octet-stream', sums: sumsOf('content') },
});

test.each([
  ['http://localhost/x.tar.gz', 'refused'],
  ['https://127.0.0.1:8006/x', 'refused'],
  ['http://nohost/x', 'unresolved'],
  ['http://templates.invalid/x', 'unresolved'],
  ['http://download.proxmox.com/images/system/nosuch.tar.xz', 'missing'],
  [catalogue[0]?.location ?? '', 'file'],
  ['https://example.com/my-image.tar.gz', 'file'],
])('%s is %s', (url, outcome) => {
  expect(lookUp(catalogue, url).outcome).toBe(outcome);
});

test('a URL leads to the same file each time', () => {
  expect(lookUp(catalogue, 'https://example.com/a.iso')).toEqual(
    lookUp(catalogue, 'https://example.com/a.iso'),
  );
});

test('a small download logs what wget logged on the reference', async () => {
  const { worker, lines } = notes();
  await download(
    worker,
    request(fileOf(906_932), { sum: { algorithm: 'sha512', value: sumsOf('content')['sha512'] } }),
  );
  const temporary = '/var/lib/vz/template/cache/a.tar.xz.tmp_dwnl.3244';
  expect(lines.map((line) => line.replace(/(\d+)\.(\d+)\.(\d+)\.\d+/, '192.0.2.1'))).toEqual([
    'downloading http://download.proxmox.com/images/system/a.tar.xz to /var/lib/vz/template/cache/a.tar.xz',
    '--2026-11-23 16:14:35--  http://download.proxmox.com/images/system/a.tar.xz',
    'Resolving download.proxmox.com (download.proxmox.com)... 192.0.2.1',
    'Connecting to download.proxmox.com (download.proxmox.com)|192.0.2.1|:80... connected.',
    'HTTP request sent, awaiting response... 200 OK',
    'Length: 906932 (886K) [application/octet-stream]',
    `Saving to: '${temporary}'`,
    `     0K${' '.repeat(36)}100% 48.0M=0.018s`,
    `2026-11-23 16:14:35 (48.0 MB/s) - '${temporary}' saved [906932/906932]`,
    'calculating checksum...OK, checksum verified',
    "download of 'http://download.proxmox.com/images/system/a.tar.xz' to '/var/lib/vz/template/cache/a.tar.xz' finished",
  ]);
});

test('a large download shows its progress while time passes', async () => {
  const { worker, lines, elapsed } = notes();
  await download(worker, request(fileOf(126_515_062)));
  const percent = lines.flatMap((line) => {
    const match = /^ *\d+K[ .]* (\d+)%|^ *\d+K[ .]*?(\d+)% /.exec(line);
    return match ? [Number(match[1] ?? match[2])] : [];
  });
  expect(percent).toEqual([26, 53, 79, 100]);
  expect(elapsed()).toBeGreaterThan(2000);
  expect(lines.find((line) => line.startsWith(' 32768K'))).toMatch(/^ 32768K( \.{8}){4} 53%/);
});

test.each([
  [{ outcome: 'missing' }, 'download failed: exit code 8', 'ERROR 404: Not Found.'],
  [{ outcome: 'refused' }, 'download failed: exit code 4', 'Connection refused.'],
  [
    { outcome: 'unresolved' },
    'download failed: exit code 4',
    "unable to resolve host address 'download.proxmox.com'",
  ],
] as const)('%o ends with %s', async (remote, text, logged) => {
  const { worker, lines } = notes();
  await expect(download(worker, request(remote))).rejects.toThrow(text);
  expect(lines.some((line) => line.includes(logged))).toBe(true);
});

test('a wrong check sum is an error that names both', async () => {
  const { worker } = notes();
  const got = sumsOf('content')['sha256'];
  await expect(
    download(worker, request(fileOf(5 * MiB), { sum: { algorithm: 'sha256', value: '00' } })),
  ).rejects.toThrow(`checksum mismatch: got '${got}' != expect '00'`);
});

test.each([
  [
    'the right one is kept',
    { present: sumsOf('content'), sum: { algorithm: 'md5', value: sumsOf('content')['md5'] } },
    undefined,
  ],
  [
    'an unknown one is not replaced',
    { present: sumsOf('other') },
    "refusing to override existing file '/var/lib/vz/template/cache/a.tar.xz'",
  ],
  [
    'a wrong one is not replaced',
    { present: { md5: 'aa' }, sum: { algorithm: 'md5', value: 'bb' } },
    "mismatch (got 'aa' != expect 'bb'), aborting",
  ],
])('a file that is there: %s', async (_name, more, text) => {
  const { worker, lines } = notes();
  const result = download(worker, request(fileOf(5), more));
  if (text !== undefined) await expect(result).rejects.toThrow(text);
  else {
    expect(await result).toBeUndefined();
    expect(lines[1]).toBe(
      'calculating checksum of existing file...OK, got correct file already, no need to download',
    );
  }
  expect(lines.some((line) => line.startsWith('Resolving'))).toBe(false);
});
