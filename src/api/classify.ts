/**
 * Answer → result or typed error. Pure; the rows below are the only place that knows the server's texts. They are
 * matched case-sensitively, each as its emitter writes it (sources: contract of Proxmox VE 7.4 to 9.2).
 */
import { redactText } from '../util/redact.ts';
import { PveAuthError } from './errors/auth-error.ts';
import { type ConflictKind, PveConflictError } from './errors/conflict-error.ts';
import { PveConnectionError } from './errors/connection-error.ts';
import { PveNoQuorumError } from './errors/no-quorum-error.ts';
import { type MissingThing, PveNotFoundError } from './errors/not-found-error.ts';
import { PveParameterError } from './errors/parameter-error.ts';
import { PvePermissionError } from './errors/permission-error.ts';
import type { PveError, RequestInfo } from './errors/pve-error.ts';
import { PveServerError } from './errors/server-error.ts';
import { conflictHints, explainPermission, hints } from './hints.ts';
import type { WireResponse } from './transport.ts';

interface Body {
  readonly message?: unknown;
  readonly errors?: unknown;
}

/** The first row whose statuses and pattern fit decides. */
interface Row {
  /** Absent: any. */
  readonly status?: readonly number[];
  /** Tested against the server's text and against each `field: text`. Absent: always fits. */
  readonly text?: RegExp;
  readonly make: (common: Common, match: RegExpExecArray) => PveError;
}

interface Common {
  readonly request: RequestInfo;
  readonly reason: string;
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
}

const conflict =
  (kind: ConflictKind): Row['make'] =>
  (common, match) =>
    new PveConflictError({ ...common, kind, lock: match[1], hint: conflictHints[kind] });

const missing =
  (what: MissingThing): Row['make'] =>
  (common) =>
    new PveNotFoundError({ ...common, what, hint: what === 'node' ? hints.node : undefined });

const rows: readonly Row[] = [
  { status: [401], make: (common) => new PveAuthError({ ...common, hint: hints.auth }) },
  {
    status: [403],
    make: (common) => new PvePermissionError({ ...common, ...explainPermission(common.reason) }),
  },
  {
    // PVE: 595 is "could not connect" of the node in between; nothing reached the one that was meant.
    status: [595],
    make: (common) =>
      new PveConnectionError({ ...common, sent: 'no', errno: '595', hint: hints.unreachableNode }),
  },
  {
    // PVE: 596 also means 30 s without answer, while the operation may still be running there.
    status: [596, 597, 598, 599],
    make: (common) =>
      new PveConnectionError({
        ...common,
        sent: 'maybe',
        errno: String(common.status),
        hint: hints.maybeDone,
      }),
  },
  {
    text: /no quorum[?!]/,
    make: (common) => new PveNoQuorumError({ ...common, hint: hints.quorum }),
  },
  { text: /^detected modified configuration\b/, make: conflict('digest') },
  { text: /\b(?:CT|VM) is locked \(([^)]+)\)/, make: conflict('locked') },
  { text: /can't lock file '[^']*' - got timeout/, make: conflict('lock-timeout') },
  { text: /\bgot lock request timeout\b/, make: conflict('lock-timeout') },
  { text: /\balready (?:exists|defined|used)\b/, make: conflict('exists') },
  { text: /\balready running\b/, make: conflict('running') },
  { text: /^(?:CT|VM) \d+ not running$/, make: conflict('not-running') },
  { text: /\bprotection mode enabled\b/, make: conflict('protected') },
  {
    text: /- container is running$|if the CT is running$|^can't overwrite running container|\bof a running container\b/,
    make: conflict('running'),
  },
  { status: [500], text: /^Configuration file '[^']*' does not exist$/, make: missing('container') },
  { status: [500], text: /^could not find CT \d+/, make: missing('container') },
  { status: [500], text: /^hostname lookup '[^']*' failed\b|^no such cluster node '/, make: missing('node') },
  { status: [500], text: /\bstorage '[^']*' does not exist$/, make: missing('storage') },
  { status: [500], text: /\bvolume '[^']*' does not exist$/, make: missing('volume') },
  { status: [500], text: /\bsnapshot '[^']*' does not exist$/, make: missing('snapshot') },
  { status: [500], text: /\bpool '[^']*' does not exist$/, make: missing('pool') },
  { status: [500], text: /\bbridge '[^']*' does not exist$/, make: missing('bridge') },
  { status: [500], text: /\bno such user \(|\buser '[^']*' does not exist$/, make: missing('user') },
  { status: [500], text: /^no such token '| does not exist$/, make: missing('other') },
  { status: [400], text: /^upid: no such task$/, make: missing('task') },
  { status: [400], text: /^template: no such template$/, make: missing('template') },
  { status: [400], text: /^iface: interface does not exist$/, make: missing('bridge') },
  { status: [404], make: missing('other') },
  { status: [400], make: (common) => new PveParameterError(common) },
  {
    status: [501],
    text: /^Method '.*' not implemented$/,
    make: (common) => new PveServerError({ ...common, hint: hints.notImplemented }),
  },
  { status: [502, 503, 504], make: (common) => new PveServerError({ ...common, hint: hints.gateway }) },
];

function parseBody(body: string): Body {
  if (!body.startsWith('{')) return {};
  try {
    return JSON.parse(body) as Body;
  } catch {
    // The reason phrase tells enough; a proxy's page or a cut answer must not hide it.
    return {};
  }
}

function oneLine(text: string): string {
  return text
    .split(/\s*\n\s*/)
    .filter((line) => line !== '')
    .join(' ')
    .trim();
}

function fieldsOf(errors: unknown, mask: (text: string) => string): Record<string, string> {
  if (typeof errors !== 'object' || errors === null) return {};
  return Object.fromEntries(
    Object.entries(errors).map(([name, text]) => [name, mask(oneLine(String(text)))]),
  );
}

/**
 * Turns an answer with status 400 or above into an error.
 *
 * @param response - the answer; a missing or foreign body is fine.
 * @param request - what was asked, for the message.
 * @param mask - takes secrets out of the server's text, which may quote parameters.
 * @returns the error, not thrown.
 */
export function classifyResponse(
  response: WireResponse,
  request: RequestInfo,
  mask: (text: string) => string = redactText,
): PveError {
  const { status } = response;
  const body = parseBody(response.body);
  const message = typeof body.message === 'string' ? oneLine(body.message) : '';
  const text = mask(message || oneLine(response.reason) || `HTTP status ${status}`);
  const fields = fieldsOf(body.errors, mask);
  const fieldLines = Object.entries(fields).map(([name, problem]) => `${name}: ${problem}`);
  // PVE: `Parameter verification failed.` says nothing that the fields do not say better.
  const general = text === 'Parameter verification failed.' && fieldLines.length > 0;
  const reason = (general ? fieldLines : [text, ...fieldLines]).join('; ');
  const common: Common = { request, reason, status, fields };
  for (const row of rows) {
    if (row.status && !row.status.includes(status)) continue;
    const match = firstMatch(row.text ?? /^/, [text, ...fieldLines]);
    if (match) return row.make(common, match);
  }
  // PVE: a Perl exception with errors but without code is a 500.
  return fieldLines.length > 0 ? new PveParameterError(common) : new PveServerError(common);
}

function firstMatch(pattern: RegExp, texts: readonly string[]): RegExpExecArray | undefined {
  for (const text of texts) {
    const match = pattern.exec(text);
    if (match) return match;
  }
  return undefined;
}
