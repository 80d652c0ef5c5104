/**
 * The world outside of the simulated cluster: what a URL leads to, and how a download shows in a task's log (wget with
 * dots, as `PVE::Tools::download_file_from_url` runs it; transcripts node.txt). Changes no state.
 */
import { createHash } from 'node:crypto';
import { die, type SimWorker } from '../context.ts';
import { catalogueSums, sumsOf } from './appliances.ts';
import type { SimCatalogueEntry } from './state.ts';

/** A file somewhere on the network. */
export interface RemoteFile {
  readonly sizeBytes: number;
  readonly mimetype: string;
  /** Check sums by algorithm, as far as anybody can know them. */
  readonly sums: Readonly<Record<string, string>>;
}

/** What a URL leads to. */
export type Remote =
  | { readonly outcome: 'file'; readonly file: RemoteFile }
  | { readonly outcome: 'missing' }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'unresolved' };

const MiB = 1024 ** 2;
/** Speed of the simulated line. */
const bytesPerSecond = 48 * MiB;
/** wget `--progress=dot:giga`: a dot per MiB, 32 dots in a line, a blank before every eighth. */
const dotsPerLine = 32;

/**
 * Looks at a URL. The download server has what the catalogue lists; nothing listens on the node itself; names without a
 * dot and below `.invalid` do not exist; everything else has a file of a size that depends on the URL alone.
 *
 * @param catalogue - catalogue of the download server.
 * @param url - `http://…` or `https://…`.
 */
export function lookUp(catalogue: readonly SimCatalogueEntry[], url: string): Remote {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const host = parsed?.hostname ?? '';
  if (/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host)) return { outcome: 'refused' };
  if (!host.includes('.') || host.endsWith('.invalid')) return { outcome: 'unresolved' };
  const listed = catalogue.find((entry) => entry.location === url);
  if (!listed && host === 'download.proxmox.com') return { outcome: 'missing' };
  return {
    outcome: 'file',
    file: {
      sizeBytes: listed?.sizeBytes ?? 20 * MiB + (seedOf(url) % (200 * MiB)),
      mimetype: 'application/octet-stream',
      sums: listed ? catalogueSums(listed) : sumsOf(url),
    },
  };
}

function seedOf(text: string): number {
  return createHash('sha1').update(text).digest().readUInt32BE(0);
}

/** Three digits and a unit, as wget shows sizes: `886K`, `3.2M`. */
function shortSize(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const value = bytes / 1024 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)}${['', 'K', 'M', 'G'][power]}`;
}

function shortRate(perSecond: number): string {
  const power = perSecond >= 1024 ** 3 ? 3 : perSecond >= MiB ? 2 : 1;
  const value = perSecond / 1024 ** power;
  return `${value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)}${['B', 'K', 'M', 'G'][power]}`;
}

function longRate(perSecond: number): string {
  const power = perSecond >= 1024 ** 3 ? 3 : perSecond >= MiB ? 2 : 1;
  return `${(perSecond / 1024 ** power).toPrecision(3)} ${['B', 'KB', 'MB', 'GB'][power]}/s`;
}

function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replace('T', ' ');
}

/** One line of dots. */
function progressLine(sizeBytes: number, line: number, rate: number): string {
  const from = line * dotsPerLine;
  const complete = Math.floor(sizeBytes / MiB) - from;
  const dots = Array.from(
    { length: dotsPerLine },
    (_, index) => `${index % 8 === 0 ? ' ' : ''}${index < complete ? '.' : ' '}`,
  ).join('');
  const done = Math.min(sizeBytes, (from + dotsPerLine) * MiB);
  const rest =
    done < sizeBytes
      ? ` ${Math.max(1, Math.round((sizeBytes - done) / rate))}s`
      : `=${(sizeBytes / rate).toPrecision(2)}s`;
  const percent = String(Math.floor((done / sizeBytes) * 100)).padStart(3);
  return `${String(from * 1024).padStart(6)}K${dots}${percent}% ${shortRate(rate).padStart(5)}${rest}`;
}

/** What {@link download} needs to know. */
export interface DownloadRequest {
  readonly url: string;
  /** Where the file goes. */
  readonly path: string;
  readonly remote: Remote;
  /** Tells the simulated time, ms since the epoch. */
  readonly now: () => number;
  /** Number in [0, 1), for the speed of the line. */
  readonly random: () => number;
  /** Check sum that the file must have. */
  readonly sum?: { readonly algorithm: string; readonly value: string };
  /** Check sums of the file that is there already. */
  readonly present?: Readonly<Record<string, string>>;
}

/**
 * Downloads a file inside a worker: its log shows what wget would print, line by line as time passes.
 *
 * @returns the file, or `undefined` when the right one is there already.
 * @throws SimError with wget's exit code, with both check sums when they differ, or because another file is in the way.
 */
export async function download(worker: SimWorker, request: DownloadRequest): Promise<RemoteFile | undefined> {
  const { url, path, remote, now } = request;
  const host = new URL(url).hostname;
  const port = new URL(url).port || (url.startsWith('https:') ? '443' : '80');
  const temporary = `${path}.tmp_dwnl.${Number.parseInt(worker.upid.split(':')[2] ?? '0', 16)}`;
  const address = remote.outcome === 'refused' ? '127.0.0.1' : `192.0.2.${(seedOf(host) % 253) + 1}`;
  worker.log(`downloading ${url} to ${path}`);
  if (request.present) {
    checkPresent(worker, request, request.present);
    return undefined;
  }
  worker.log(`--${timestamp(now())}--  ${url}`);
  if (remote.outcome === 'unresolved') {
    worker.log(`Resolving ${host} (${host})... failed: Name or service not known.`);
    worker.log(`wget: unable to resolve host address '${host}'`);
    die('download failed: exit code 4');
  }
  worker.log(`Resolving ${host} (${host})... ${address}`);
  const connecting = `Connecting to ${host} (${host})|${address}|:${port}...`;
  if (remote.outcome === 'refused') {
    worker.log(`${connecting} failed: Connection refused.`);
    die('download failed: exit code 4');
  }
  await worker.sleep(120);
  worker.log(`${connecting} connected.`);
  if (remote.outcome === 'missing') {
    worker.log('HTTP request sent, awaiting response... 404 Not Found');
    worker.log(`${timestamp(now())} ERROR 404: Not Found.`);
    die('download failed: exit code 8');
  }
  const { sizeBytes, mimetype } = remote.file;
  worker.log('HTTP request sent, awaiting response... 200 OK');
  worker.log(`Length: ${sizeBytes} (${shortSize(sizeBytes)}) [${mimetype}]`);
  worker.log(`Saving to: '${temporary}'`);
  const lines = Math.max(1, Math.ceil(sizeBytes / (dotsPerLine * MiB)));
  const rate = bytesPerSecond * (0.9 + 0.2 * request.random());
  for (let line = 0; line < lines; line++) {
    const bytes = Math.min(sizeBytes - line * dotsPerLine * MiB, dotsPerLine * MiB);
    await worker.sleep(Math.ceil((bytes / rate) * 1000));
    worker.log(progressLine(sizeBytes, line, rate));
  }
  worker.log(`${timestamp(now())} (${longRate(rate)}) - '${temporary}' saved [${sizeBytes}/${sizeBytes}]`);
  if (request.sum) await verify(worker, remote.file, request.sum);
  worker.log(`download of '${url}' to '${path}' finished`);
  return remote.file;
}

function checkPresent(
  worker: SimWorker,
  { path, sum }: DownloadRequest,
  present: Readonly<Record<string, string>>,
): void {
  if (!sum) die(`refusing to override existing file '${path}'`);
  const got = present[sum.algorithm] ?? '';
  if (got.toLowerCase() === sum.value.toLowerCase()) {
    worker.log('calculating checksum of existing file...OK, got correct file already, no need to download');
    return;
  }
  worker.log('calculating checksum of existing file...');
  die(`mismatch (got '${got}' != expect '${sum.value}'), aborting`);
}

async function verify(
  worker: SimWorker,
  file: RemoteFile,
  wanted: { readonly algorithm: string; readonly value: string },
): Promise<void> {
  const got = file.sums[wanted.algorithm] ?? '';
  await worker.sleep(Math.ceil(file.sizeBytes / (400 * MiB)) * 100);
  if (got.toLowerCase() === wanted.value.toLowerCase()) {
    worker.log('calculating checksum...OK, checksum verified');
    return;
  }
  worker.log('calculating checksum...');
  die(`checksum mismatch: got '${got}' != expect '${wanted.value}'`);
}
