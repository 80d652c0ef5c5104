/** A terminal for tests of what only a terminal shows: a shell in tmux, with keys, a screen and a window that changes. */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether there is a tmux; tests that need it say that they are skipped where there is none. */
export const hasTmux: boolean = spawnSync('tmux', ['-V']).status === 0;

/** A shell on a screen. */
export interface Tmux {
  /** Types text, then keys by tmux's names (`Enter`, `C-]`). */
  type(text: string, ...keys: string[]): Promise<void>;
  /** What the screen shows, without blanks at the ends of lines and without empty lines at the end. */
  screen(): Promise<string>;
  /** Waits until the screen shows the text or fits the pattern, and gives the screen. */
  shows(what: string | RegExp): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
  /** A format of tmux, for example `#{alternate_on}`. */
  format(text: string): Promise<string>;
  close(): Promise<void>;
}

const patienceMs = 20_000;
const pollMs = 50;
let count = 0;

/**
 * Starts a shell with the prompt `local$` in a tmux of its own.
 *
 * @param options - environment, folder and size of the window.
 * @returns the terminal, with its prompt shown.
 */
export async function startTmux(options: {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly columns?: number;
  readonly rows?: number;
}): Promise<Tmux> {
  const { env, cwd, columns = 100, rows = 30 } = options;
  count += 1;
  const socket = `pvefleet-${process.pid}-${count}`;
  const tmux = async (...args: string[]): Promise<string> =>
    (await run('tmux', ['-L', socket, '-f', '/dev/null', ...args])).stdout;
  const given = Object.entries({
    PATH: process.env['PATH'] ?? '',
    HOME: cwd,
    LANG: 'C.UTF-8',
    PS1: 'local$ ',
    ...env,
  }).map(([name, value]) => `${name}=${value}`);
  await tmux(
    ...['new-session', '-d', '-x', String(columns), '-y', String(rows), '-c', cwd],
    ...['env', '-i', 'TERM=screen-256color', ...given, '/bin/sh'],
  );
  const screen = async (): Promise<string> =>
    (await tmux('capture-pane', '-p')).replaceAll(/ +$/gm, '').trimEnd();
  const shows = async (what: string | RegExp): Promise<string> => {
    const until = Date.now() + patienceMs;
    for (;;) {
      const text = await screen();
      if (typeof what === 'string' ? text.includes(what) : what.test(text)) return text;
      if (Date.now() > until) throw new Error(`the screen never showed ${String(what)}:\n${text}`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  };
  await shows('local$');
  return {
    screen,
    shows,
    async type(text, ...keys) {
      if (text !== '') await tmux('send-keys', '-l', '--', text);
      for (const key of keys) await tmux('send-keys', key);
    },
    async resize(width, height) {
      await tmux('resize-window', '-x', String(width), '-y', String(height));
    },
    format: async (text) => (await tmux('display-message', '-p', text)).trimEnd(),
    async close() {
      await tmux('kill-server');
    },
  };
}
