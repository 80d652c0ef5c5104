/**
 * The local terminal while it belongs to a console: raw, so that every key goes through, and given back as it was however
 * the console or the process ends. Knows nothing of what is shown.
 */
import type { Host } from './host.ts';

/** What a terminal is told to whom. */
interface TerminalListeners {
  /** Bytes of the keyboard. */
  readonly onInput: (bytes: Uint8Array) => void;
  readonly onResize: () => void;
  /** The keyboard is gone, for good. */
  readonly onHangup: () => void;
}

/** A terminal that can be taken over. */
export interface LocalTerminal {
  /** Width and height in characters; `undefined` while the terminal does not know them. */
  size(): { readonly columns: number; readonly rows: number } | undefined;
  write(bytes: Uint8Array | string): void;
  /**
   * Takes it over.
   *
   * @param listeners - keys, sizes.
   * @param reset - for a screen that belongs to the container: gives what undoes the modes that were switched on meanwhile;
   *   asked when the terminal is given back. Without it only the keyboard is taken over.
   * @returns gives the terminal back; harmless to call again.
   */
  takeOver(listeners: TerminalListeners, reset?: () => string): () => void;
}

/**
 * Finds the terminal of a process.
 *
 * @param host - the process.
 * @returns the terminal, or `undefined` when keyboard or screen is none.
 */
export function localTerminal(
  host: Pick<Host, 'stdin' | 'stdout' | 'onExit' | 'keepNewlines'>,
): LocalTerminal | undefined {
  const { stdin, stdout } = host;
  if (stdin.isTTY !== true || stdout.isTTY !== true) return undefined;
  return {
    size: () => {
      const { columns, rows } = stdout;
      return columns && rows ? { columns, rows } : undefined;
    },
    write: (bytes) => {
      stdout.write(bytes);
    },
    takeOver: ({ onInput, onResize, onHangup }, reset) => {
      let isOurs = true;
      const giveBack = (): void => {
        if (!isOurs) return;
        isOurs = false;
        stdin.off('data', onInput);
        stdin.off('end', onHangup);
        stdout.off?.('resize', onResize);
        stdin.pause();
        if (reset) stdout.write(reset());
        stdin.setRawMode?.(false);
        forget();
      };
      // The last chance: an exception that nobody catches, a third Ctrl-C, process.exit from wherever.
      const forget = host.onExit(giveBack);
      stdin.setRawMode?.(true);
      if (reset) host.keepNewlines?.();
      stdin.on('data', onInput);
      stdin.once('end', onHangup);
      stdout.on?.('resize', onResize);
      stdin.resume();
      return giveBack;
    },
  };
}
