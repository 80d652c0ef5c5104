/** Reading logs of tasks: the tail of a running one, the end of a finished one. */
import type { PveClient, RequestOptions } from './types.ts';

const pageLines = 500;
/** What an outcome carries. */
const keptLines = 20;

/**
 * PVE: an empty log has this one line, and so has one that does not exist yet (Tools.pm dump_logfile).
 * Neither was written by the task.
 */
const placeholders = new Set(['no content', 'unable to open file - No such file or directory']);

/** Follows one log. */
export interface LogTail {
  /** Reads what is new and passes it on. */
  read(): Promise<void>;
  /** The last lines read so far. */
  last(): readonly string[];
}

async function readPage(
  pve: Pick<PveClient, 'get'>,
  node: string,
  upid: string,
  page: { start: number; limit: number },
  request: RequestOptions,
): Promise<string[]> {
  const rows = await pve.get('/nodes/{node}/tasks/{upid}/log', { node, upid, ...page }, request);
  const lines = rows.map((row) => row.t);
  return page.start === 0 && lines.length === 1 && placeholders.has(lines[0] as string) ? [] : lines;
}

/**
 * Follows a log.
 *
 * @param pve - client to read with.
 * @param node - where the task runs.
 * @param upid - the task.
 * @param onLine - called with each new line, in order.
 * @param request - options of each request.
 * @returns the follower.
 */
export function createLogTail(
  pve: Pick<PveClient, 'get'>,
  node: string,
  upid: string,
  onLine: (line: string) => void,
  request: RequestOptions = {},
): LogTail {
  let start = 0;
  let kept: string[] = [];
  return {
    async read() {
      for (;;) {
        const lines = await readPage(pve, node, upid, { start, limit: pageLines }, request);
        start += lines.length;
        kept = [...kept, ...lines].slice(-keptLines);
        for (const line of lines) onLine(line);
        if (lines.length < pageLines) return;
      }
    },
    last: () => kept,
  };
}

/**
 * Reads the end of a log.
 *
 * @param pve - client to read with.
 * @param node - where the task ran.
 * @param upid - the task.
 * @param request - options of the request.
 * @returns the last lines, some twenty.
 */
export async function lastLogLines(
  pve: Pick<PveClient, 'get'>,
  node: string,
  upid: string,
  request: RequestOptions = {},
): Promise<string[]> {
  // PVE: limit 0 is "all"; a page would be the beginning of the log.
  const lines = await readPage(pve, node, upid, { start: 0, limit: 0 }, request);
  return lines.slice(-keptLines);
}
