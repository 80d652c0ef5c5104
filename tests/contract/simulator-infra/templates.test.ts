import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Answer, type Lab, makeContainer, makeLab, type Row } from './support.ts';

const newest = 'debian-13-standard_13.6-1_amd64.tar.zst';

async function templates(lab: Lab): Promise<Row[]> {
  const rows = (await lab.ok('GET', '/nodes/pve1/storage/local/content', { content: 'vztmpl' })) as Row[];
  return rows.filter((row) => !/alpine-3.22|debian-12/.test(String(row['volid'])));
}

/** Sends a multipart upload, text parts before the file. */
async function upload(
  lab: Lab,
  name: string,
  content: string,
  fields: Record<string, string> = {},
): Promise<Answer> {
  const mark = 'frontier';
  const parts = Object.entries({ content: 'vztmpl', ...fields }).map(
    ([key, value]) => `--${mark}\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`,
  );
  const file = `--${mark}\r\nContent-Disposition: form-data; name="filename"; filename="${name}"\r\nContent-Type: application/octet-stream\r\n\r\n${content}\r\n--${mark}--\r\n`;
  const response = await lab.sim.fetch(
    new Request('https://sim.test:8006/api2/json/nodes/pve1/storage/local/upload', {
      method: 'POST',
      headers: {
        Authorization: 'PVEAPIToken=root@pam!oracle=11111111-1111-4111-8111-111111111111',
        'Content-Type': `multipart/form-data; boundary=${mark}`,
      },
      body: [...parts, file].join(''),
    }),
  );
  const text = await response.text();
  const body = JSON.parse(text) as Partial<Answer>;
  return { data: null, ...body, status: response.status, reason: response.statusText, text };
}

describe('the catalogue', () => {
  test('a download shows its progress, takes its time, and leaves the file with the size of the catalogue', async () => {
    const lab = makeLab();
    const upid = await lab.ok('POST', '/nodes/pve1/aplinfo', { storage: 'local', template: newest });
    const path = `/nodes/pve1/tasks/${encodeURIComponent(String(upid))}`;
    let seen: Row[] = [];
    for (let poll = 0; poll < 20 && !/\d+%/.test(String(seen.at(-1)?.['t'])); poll++) {
      await lab.advance(200);
      seen = (await lab.ok('GET', `${path}/log`, { limit: 0 })) as Row[];
    }
    expect(String(seen.at(-1)?.['t'])).toMatch(/^ *\d+K .*\d+% /);
    expect(await lab.ok('GET', `${path}/status`)).toMatchObject({
      status: 'running',
      type: 'download',
      id: newest,
    });
    const { log, exitstatus } = await lab.wait(upid);
    expect(exitstatus).toBe('OK');
    expect(log.filter((line) => /\d+%/.test(line)).length).toBeGreaterThan(1);
    expect(log).toContain('calculating checksum...OK, checksum verified');
    const size = lab.sim.state.catalogue.find((entry) => entry.template === newest)?.sizeBytes;
    expect(await templates(lab)).toMatchObject([{ volid: `local:vztmpl/${newest}`, size, format: 'tzst' }]);
    await makeContainer(lab, 200, {
      ostemplate: `local:vztmpl/${newest}`,
      rootfs: 'local:2',
      features: 'nesting=1',
    });
    expect(await lab.ok('GET', '/nodes/pve1/lxc/200/config')).toMatchObject({ ostype: 'debian' });
  });

  test('a download that is stopped leaves nothing', async () => {
    const lab = makeLab();
    const upid = await lab.ok('POST', '/nodes/pve1/aplinfo', { storage: 'local', template: newest });
    await lab.advance(1000);
    await lab.ok('DELETE', `/nodes/pve1/tasks/${encodeURIComponent(String(upid))}`);
    const { exitstatus, log } = await lab.wait(upid);
    expect(exitstatus).toBe('received interrupt');
    expect(log.at(-1)).toBe('TASK ERROR: received interrupt');
    expect(await templates(lab)).toEqual([]);
  });

  test('a file of the same name but another content is in the way', async () => {
    const lab = makeLab();
    await lab.wait((await upload(lab, newest, 'not the real one')).data);
    const { exitstatus } = await lab.task('POST', '/nodes/pve1/aplinfo', {
      storage: 'local',
      template: newest,
    });
    expect(exitstatus).toMatch(/^mismatch \(got '[0-9a-f]{128}' != expect '[0-9a-f]{128}'\), aborting$/);
  });

  test('a full storage ends the download', async () => {
    const lab = makeLab();
    const storage = lab.sim.state.storages['local'];
    if (storage) storage.totalBytes = storage.baseUsedBytes + 50_000_000;
    const { exitstatus } = await lab.task('POST', '/nodes/pve1/aplinfo', {
      storage: 'local',
      template: newest,
    });
    expect(exitstatus).toMatch(/No space left on device$/);
    expect(await templates(lab)).toEqual([]);
  });
});

describe('downloads from a URL', () => {
  const path = '/nodes/pve1/storage/local/download-url';

  test.each([
    ['http://localhost/x.tar.gz', 'download failed: exit code 4'],
    ['http://download.proxmox.com/images/system/nosuch.tar.gz', 'download failed: exit code 8'],
    ['https://example.com/x.tar.gz', 'OK'],
  ])('%s: %s', async (url, want) => {
    const lab = makeLab();
    const result = await lab.task('POST', path, { content: 'vztmpl', filename: 'x.tar.gz', url });
    expect(result).toMatchObject({ type: 'download', id: 'x.tar.gz', exitstatus: want });
    expect((await templates(lab)).length).toBe(want === 'OK' ? 1 : 0);
  });

  test('the file name is cleaned, and what is inside follows the URL', async () => {
    const lab = makeLab();
    const url = String(lab.sim.state.catalogue.find((entry) => entry.template === newest)?.location);
    const result = await lab.task('POST', path, { content: 'vztmpl', filename: '../my image.tar.zst', url });
    expect(result.id).toBe('my_image.tar.zst');
    await makeContainer(lab, 200, {
      ostemplate: 'local:vztmpl/my_image.tar.zst',
      rootfs: 'local:2',
      features: 'nesting=1',
    });
    expect(await lab.ok('GET', '/nodes/pve1/lxc/200/config')).toMatchObject({ ostype: 'debian' });
  });

  test('the metadata of a URL', async () => {
    const lab = makeLab();
    const entry = lab.sim.state.catalogue[0];
    const url = String(entry?.location);
    expect(await lab.ok('GET', '/nodes/pve1/query-url-metadata', { url })).toEqual({
      filename: entry?.template,
      size: entry?.sizeBytes,
      mimetype: 'application/octet-stream',
    });
    const missing = await lab.call('GET', '/nodes/pve1/query-url-metadata', { url: `${url}x` });
    expect(missing).toMatchObject({ status: 500, reason: "invalid server response: '404 Not Found'" });
  });
});

describe('uploads', () => {
  const content = 'template bytes';
  const sha256 = createHash('sha256').update(content).digest('hex');

  test('a file arrives, and replaces one of its name', async () => {
    const lab = makeLab();
    const first = await upload(lab, 'alpine-own_1_amd64.tar.gz', content, {
      'checksum-algorithm': 'sha256',
      checksum: sha256,
    });
    const { type, id, exitstatus, log } = await lab.wait(first.data);
    expect({ type, id, exitstatus }).toEqual({ type: 'imgcopy', id: '', exitstatus: 'OK' });
    expect(log[0]).toMatch(/^starting file import from: \/var\/tmp\/pveupload-[0-9a-f]{32}$/);
    expect(log[1]).toBe('calculating checksum...OK, checksum verified');
    await lab.wait((await upload(lab, 'alpine-own_1_amd64.tar.gz', `${content} again`)).data);
    expect(await templates(lab)).toMatchObject([
      { volid: 'local:vztmpl/alpine-own_1_amd64.tar.gz', size: content.length + 6, format: 'tgz' },
    ]);
  });

  test('a wrong check sum keeps it out', async () => {
    const lab = makeLab();
    const answer = await upload(lab, 'a.tar.gz', content, { 'checksum-algorithm': 'sha256', checksum: 'aa' });
    const { exitstatus } = await lab.wait(answer.data);
    expect(exitstatus).toBe(`checksum mismatch: got '${sha256}' != expect 'aa'`);
    expect(await templates(lab)).toEqual([]);
  });

  test.each([
    ['snip.yaml', {}, { filename: 'wrong file extension' }],
    [
      'a.tar.gz',
      { content: 'snippets' },
      { content: "value 'snippets' does not have a value in the enumeration 'iso, vztmpl, import'" },
    ],
  ])('%s with %o is refused', async (name, fields, errors) => {
    expect(await upload(makeLab(), name, content, fields as Record<string, string>)).toMatchObject({
      status: 400,
      errors,
    });
  });
});

describe('OCI images', () => {
  const path = '/nodes/pve1/storage/local/oci-registry-pull';

  test('a pull makes a template that containers start from', async () => {
    const lab = makeLab();
    const result = await lab.task('POST', path, { reference: 'docker.io/library/alpine:3.22' });
    expect(result).toMatchObject({ type: 'ociregistrypull', id: 'alpine_3.22.tar', exitstatus: 'OK' });
    expect(await templates(lab)).toMatchObject([{ volid: 'local:vztmpl/alpine_3.22.tar', format: 'tar' }]);
    expect(await lab.call('POST', path, { reference: 'docker.io/library/alpine:3.22' })).toMatchObject({
      status: 500,
      reason: "refusing to override existing file 'alpine_3.22.tar'",
    });
    await makeContainer(lab, 200, { ostemplate: 'local:vztmpl/alpine_3.22.tar', rootfs: 'local:1' });
    expect(await lab.ok('GET', '/nodes/pve1/lxc/200/config')).toMatchObject({ cmode: 'console' });
  });

  test('an unknown tag fails; known ones are listed', async () => {
    const lab = makeLab();
    expect((await lab.task('POST', path, { reference: 'nginx:nosuch' })).exitstatus).toMatch(
      /failed: exit code 1$/,
    );
    expect(
      await lab.ok('GET', '/nodes/pve1/query-oci-repo-tags', { reference: 'docker.io/library/nginx' }),
    ).toContain('latest');
  });
});
