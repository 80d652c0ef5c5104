/**
 * A container's console without a container: a real shell on a real pseudo-terminal, shared as dtach shares it. One
 * session for all viewers, output to each of them, newlines as they arrive from Proxmox VE (\r\r\n), a session that
 * survives its viewers.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type IPty, spawn } from '@lydell/node-pty';
import type { ConsoleChannel, ConsoleEnd } from '../../src/console/channel.ts';

/** How the shell is to be. */
export interface LocalConsoleOptions {
  /** Program and arguments; default an interactive bash as in a Debian container. */
  readonly command?: readonly string[];
  /** Only busybox's applets, without those that are named. */
  readonly busybox?: { readonly without?: readonly string[] };
  /** Where programs are looked for. */
  readonly path?: string;
  /** Further variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The console and what tests do to it. */
export interface LocalConsole {
  /** Scratch folder: home, and where the agent writes. */
  readonly folder: string;
  readonly places: { readonly runs: string; readonly spool: string };
  open(): Promise<ConsoleChannel>;
  /** Consoles opened so far. */
  readonly opened: number;
  /** Breaks all connections; the session goes on. */
  sever(): void;
  /** Breaks the connections when this many more bytes have come out of the session. */
  severAfter(bytes: number): void;
  /** Breaks the connections when this many more bytes have been sent into it; the rest of them is lost. */
  severAfterInput(bytes: number): void;
  /** What a human at the same console types. */
  type(text: string): void;
  /** Everything that was shown. */
  readonly shown: () => string;
  close(): void;
}

export const hasBusybox: boolean = existsSync('/usr/bin/busybox') || existsSync('/bin/busybox');

function applets(folder: string, without: readonly string[]): string {
  const busybox = existsSync('/usr/bin/busybox') ? '/usr/bin/busybox' : '/bin/busybox';
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const names = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const name of names.filter((one) => !without.includes(one))) symlinkSync(busybox, join(bin, name));
  return bin;
}

/** Starts a session at the first opening, as dtach does. */
export function localConsole(options: LocalConsoleOptions = {}): LocalConsole {
  const folder = mkdtempSync(join(tmpdir(), 'pvefleet-console-'));
  const home = join(folder, 'home');
  const places = { runs: join(folder, 'run'), spool: join(folder, 'spool') };
  for (const each of [home, places.spool]) mkdirSync(each);
  const bin = options.busybox ? applets(folder, options.busybox.without ?? []) : undefined;
  const path = options.path ?? bin ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  const [program = '', ...args] =
    options.command ?? (bin ? [join(bin, 'sh'), '-i'] : ['/bin/bash', '--norc', '-i']);
  const viewers = new Set<(bytes: Uint8Array) => void>();
  const enders = new Set<(end: ConsoleEnd) => void>();
  let shown = '';
  let opened = 0;
  let outputLeft = Number.POSITIVE_INFINITY;
  let inputLeft = Number.POSITIVE_INFINITY;
  let pty: IPty | undefined;

  const endAll = (end: ConsoleEnd): void => {
    viewers.clear();
    for (const ender of [...enders]) ender(end);
    enders.clear();
  };
  const sever = (): void => endAll({ reason: 'lost', message: 'connection reset' });
  const start = (): IPty => {
    const started = spawn(program, args, {
      name: 'xterm-256color',
      cols: 80,
      rows: 20,
      cwd: home,
      encoding: null,
      env: {
        PATH: path,
        HOME: home,
        TERM: 'xterm-256color',
        container: 'lxc',
        PS1: '\\[\\e[32m\\]root@c500\\[\\e[0m\\]:\\w# ',
        ...options.env,
      },
    });
    started.onData((data) => {
      // without an encoding node-pty gives buffers, whatever its types say
      const bytes = data as unknown as Buffer;
      const text = bytes.toString('latin1').replaceAll('\r\n', '\r\r\n');
      shown = (shown + text).slice(-200_000);
      const out = Buffer.from(text, 'latin1');
      for (const viewer of [...viewers]) viewer(out.subarray(0, Math.max(0, outputLeft)));
      outputLeft -= out.length;
      if (outputLeft <= 0) {
        outputLeft = Number.POSITIVE_INFINITY;
        sever();
      }
    });
    started.onExit(() => {
      if (pty === started) pty = undefined;
      endAll({ reason: 'closed' });
    });
    return started;
  };
  const send = (bytes: Uint8Array): void => {
    const part = bytes.subarray(0, Math.max(0, inputLeft));
    inputLeft -= bytes.length;
    // the declared type knows text only; the stream below takes both
    pty?.write(Buffer.from(part) as unknown as string);
    if (inputLeft <= 0) {
      inputLeft = Number.POSITIVE_INFINITY;
      sever();
    }
  };

  return {
    folder,
    places,
    get opened() {
      return opened;
    },
    shown: () => shown,
    sever,
    severAfter: (bytes) => {
      outputLeft = bytes;
    },
    severAfterInput: (bytes) => {
      inputLeft = bytes;
    },
    type: (text) => pty?.write(text),
    close: () => {
      pty?.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
    open: () => {
      opened += 1;
      pty ??= start();
      const kept: Uint8Array[] = [Buffer.from('\u001b[H\u001b[J')];
      const listeners = new Set<(bytes: Uint8Array) => void>();
      let ended = false;
      const viewer = (bytes: Uint8Array): void => {
        if (listeners.size === 0) kept.push(bytes);
        for (const listener of listeners) listener(bytes);
      };
      viewers.add(viewer);
      let finish: (end: ConsoleEnd) => void = () => undefined;
      const end = new Promise<ConsoleEnd>((resolve) => {
        finish = (how) => {
          ended = true;
          resolve(how);
        };
      });
      enders.add(finish);
      const channel: ConsoleChannel = {
        send: (bytes) => {
          if (!ended) send(bytes);
          return new Promise((resolve) => setImmediate(resolve));
        },
        resize: (columns, rows) => pty?.resize(columns, rows),
        onData: (listener) => {
          listeners.add(listener);
          for (const bytes of kept.splice(0)) listener(bytes);
          return () => listeners.delete(listener);
        },
        ended: end,
        close: () => {
          viewers.delete(viewer);
          enders.delete(finish);
          finish({ reason: 'closed' });
        },
      };
      return Promise.resolve(channel);
    },
  };
}
