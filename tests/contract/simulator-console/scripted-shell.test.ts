/** The scripted shell of simulated containers: it answers as dash does, and knows what is in its container. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { plainMachine, runScript } from '../../support/scripted-shell.ts';

interface Example {
  readonly script: string;
  readonly status: number;
  readonly stdout: string;
}

/** Scripts, with what dash 0.5.12 and GNU coreutils 9.1 made of them in an empty directory. */
const examples = JSON.parse(readFileSync(new URL('./scripts.json', import.meta.url), 'utf8')) as Example[];

describe('scripts give what they give in dash', () => {
  it.each(examples.map(({ script, status, stdout }) => [script, { status, stdout }] as const))(
    '%s',
    async (script, wanted) => {
      const { status, stdout } = await runScript(plainMachine(), script);
      expect({ status, stdout }).toEqual(wanted);
    },
  );
});

describe('a scripted container', () => {
  const debian: readonly (readonly [name: string, script: string, output: string])[] = [
    ['its name', 'hostname; cat /etc/hostname', 'c100\nc100\n'],
    ['its distribution', '. /etc/os-release; echo $ID $VERSION_ID', 'debian 12\n'],
    ['who one is', 'id -u; whoami; id -un', '0\nroot\nroot\n'],
    [
      'packages',
      'apt-get -qq update; apt-get -y -qq install nginx; dpkg -s nginx | head -1',
      'Package: nginx\n',
    ],
    ['a package that is there', "dpkg-query -W -f='${Status}' bash", 'install ok installed'],
    ['a package that is nowhere', 'apt-get -y install no-such-thing >/dev/null 2>&1; echo $?', '100\n'],
    [
      'services of packages',
      'systemctl is-active nginx; apt-get -y -qq install nginx; systemctl is-active nginx; nc -z localhost 80 && echo open',
      'inactive\nactive\nopen\n',
    ],
    [
      'services that are changed',
      'systemctl disable --now ssh; systemctl is-enabled ssh; systemctl is-active ssh; nc -z localhost 22 2>/dev/null || echo closed',
      'disabled\ninactive\nclosed\n',
    ],
    [
      'a service that is nowhere',
      'systemctl start nothing 2>&1; echo $?',
      'Failed to start nothing: Unit nothing.service not found.\n5\n',
    ],
    [
      'a unit of its own',
      'printf "[Service]\\nExecStart=/bin/true\\n" >/etc/systemd/system/mine.service; systemctl daemon-reload; systemctl enable --now mine; systemctl is-active mine',
      'active\n',
    ],
    ['ports', 'grep -c ":0016 " /proc/net/tcp', '1\n'],
    [
      'users',
      'useradd -m -s /bin/bash -G sudo anna; getent passwd anna; id -un anna; su -s /bin/sh anna -c "whoami; echo \\$HOME"; getent group sudo',
      'anna:x:1000:1000::/home/anna:/bin/bash\nanna\nanna\n/home/anna\nsudo:x:27:anna\n',
    ],
    ['a user that is there', 'useradd root; echo $?', '9\n'],
    ['owners', 'touch f; chown www-data:root f; stat -c %U:%G f', 'www-data:root\n'],
    ['times', 'touch -d @1700000000 f; stat -c %Y f; touch -r f g; stat -c %Y g', '1700000000\n1700000000\n'],
    [
      'archives that are packed',
      'mkdir d; echo x >d/f; tar czf a.tgz d; rm -r d; tar xzf a.tgz; cat d/f',
      'x\n',
    ],
    [
      'detached processes',
      'setsid -f sh -c "echo \\$\\$ >pid; sleep 60"; sleep 0.1; kill -0 $(cat pid) && kill -TERM -$(cat pid); sleep 0.1; kill -0 $(cat pid) 2>/dev/null || echo gone',
      'gone\n',
    ],
  ];
  it.each(debian)('knows %s', async (_name, script, output) => {
    expect((await runScript(plainMachine(), script)).stdout).toBe(output);
  });

  it('has the programs of its distribution', async () => {
    const script = 'command -v apk; command -v apt-get; command -v systemctl; command -v rc-service';
    expect((await runScript(plainMachine(), script)).stdout).toBe('/usr/bin/apt-get\n/usr/bin/systemctl\n');
    const alpine = plainMachine({ ostype: 'alpine' });
    expect((await runScript(alpine, script)).stdout).toBe('/usr/bin/apk\n/usr/bin/rc-service\n');
    const install =
      'apk add -q nginx >/dev/null; rc-update add nginx default; rc-service nginx start; rc-service nginx status';
    expect((await runScript(alpine, install)).stdout).toBe(' * status: started\n');
  });

  it('keeps what was done in it as plain JSON', async () => {
    const machine = plainMachine();
    await runScript(
      machine,
      "mkdir -p /srv/a; printf 'b\\377' >/srv/a/f; rm /etc/fstab; echo root:new | chpasswd",
    );
    const inside = JSON.parse(JSON.stringify(machine.inside)) as typeof machine.inside;
    expect(inside).toEqual(machine.inside);
    expect(inside.files['/srv/a/f']).toMatchObject({ type: 'file', mode: 0o644, data: 'bÿ' });
    expect(inside.files['/etc/fstab']).toBeNull();
    expect(inside.passwords).toEqual({ root: 'new' });
  });

  it('keeps an open file after its name is gone', async () => {
    const script =
      'echo kept >f; exec 3<f; rm f; cat <&3; echo more >g; exec 4>>g; mv g h; echo last >&4; cat h';
    expect((await runScript(plainMachine(), script)).stdout).toBe('kept\nmore\nlast\n');
  });

  it('opens a file anew through its descriptor', async () => {
    const script =
      'printf abcdef >f; exec 9<f; rm f; cat </proc/self/fd/9; cat </dev/fd/9; head -c 2 <&9; cat <&9';
    expect((await runScript(plainMachine(), script)).stdout).toBe('abcdefabcdefabcdef');
  });

  it('takes megabytes through its pipes', async () => {
    const { stdout } = await runScript(
      plainMachine(),
      'head -c 3000000 /dev/zero | base64 | base64 -d | wc -c',
    );
    expect(stdout).toBe('3000000\n');
  });
});
