/**
 * Plans and reports as JUnit XML, for CI: one test case per container. A case fails where the command would not end with
 * exit code 0 because of its container.
 */
import type { VerifyReport } from '../domain/converge.ts';
import type { Action, JsonValue, Plan } from '../domain/plan.ts';
import type { ActionReport, ApplyReport } from '../engine/report.ts';
import { naturalCompare } from '../util/compare.ts';
import type { ErrorDocument } from '../util/errors.ts';
import { isTold, showChange, showValue } from './values.ts';

interface Problem {
  readonly type: string;
  readonly message: string;
  readonly text?: string;
}

/** One test case. */
interface Case {
  readonly name: string;
  readonly ms?: number;
  readonly failure?: Problem;
  /** Not a failed expectation, but something that kept it from being tried. */
  readonly error?: Problem;
  readonly skipped?: string;
  /** What happened, line by line. */
  readonly output?: readonly string[];
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** XML 1.0 has no way to write most control characters, not even escaped. */
function escapeXml(text: string): string {
  return Array.from(text, (char) => {
    const code = char.codePointAt(0) as number;
    const isLegal = code >= 0x20 ? code !== 0xfffe && code !== 0xffff && (code & 0x1ff800) !== 0xd800 : false;
    return isLegal || char === '\n' || char === '\t' ? (escapes[char] ?? char) : '\uFFFD';
  }).join('');
}

const attribute = (text: string): string =>
  escapeXml(text).replaceAll('\n', '&#10;').replaceAll('\t', '&#9;');
const seconds = (ms: number): string => (ms / 1000).toFixed(3);

function problemLines(tag: 'failure' | 'error', problem: Problem | undefined): string[] {
  if (!problem) return [];
  const { type, message, text = message } = problem;
  return [
    `      <${tag} type="${attribute(type)}" message="${attribute(message)}">${escapeXml(text)}</${tag}>`,
  ];
}

function caseLines(suite: string, one: Case): string[] {
  const { name, ms = 0, failure, error, skipped, output = [] } = one;
  const head = `    <testcase classname="${attribute(suite)}" name="${attribute(name)}" time="${seconds(ms)}"`;
  const body = [
    ...problemLines('failure', failure),
    ...problemLines('error', error),
    ...(skipped === undefined ? [] : [`      <skipped message="${attribute(skipped)}"/>`]),
    ...(output.length === 0 ? [] : [`      <system-out>${escapeXml(output.join('\n'))}</system-out>`]),
  ];
  return body.length === 0 ? [`${head}/>`] : [`${head}>`, ...body, '    </testcase>'];
}

function renderSuite(command: string, fleet: string, cases: readonly Case[], ms = 0): string {
  const sorted = [...cases].sort((a, b) => naturalCompare(a.name, b.name));
  const count = (test: (one: Case) => unknown): number => sorted.filter(test).length;
  const name = fleet === '' ? command : `${command} ${fleet}`;
  const counts = [
    `tests="${sorted.length}"`,
    `failures="${count((one) => one.failure)}"`,
    `errors="${count((one) => one.error)}"`,
    `skipped="${count((one) => one.skipped !== undefined)}"`,
    `time="${seconds(ms)}"`,
  ].join(' ');
  return `${[
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="pvefleet ${attribute(name)}" ${counts}>`,
    `  <testsuite name="${attribute(name)}" ${counts}>`,
    ...sorted.flatMap((one) => caseLines(`pvefleet.${command}${fleet === '' ? '' : `.${fleet}`}`, one)),
    '  </testsuite>',
    '</testsuites>',
  ].join('\n')}\n`;
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

const isTemplate = ({ kind }: { readonly kind: string }): boolean => kind.startsWith('template.');

function plannedLines(action: Action): string[] {
  const changes = action.kind === 'container.create' ? [] : action.changes;
  return changes.length === 0
    ? [`${action.kind}: ${action.reason}`]
    : changes.map(
        ({ field, from, to, effect, needs }) =>
          `${action.kind} ${field}: ${showChange(from, to)} (${needs === undefined ? effect : `${effect}, needs ${needs}`})`,
      );
}

/** Several problems as one: the first names it, the text has all. */
function merged(problems: readonly Problem[]): { readonly failure?: Problem } {
  const [first] = problems;
  if (!first) return {};
  return { failure: { ...first, text: problems.map(({ text, message }) => text ?? message).join('\n') } };
}

/**
 * Renders a plan: what is refused has failed.
 *
 * @param plan - the plan.
 * @returns XML that ends with a newline.
 */
export function renderPlanJunit(plan: Plan): string {
  const actions = grouped(
    plan.actions.filter((action) => !isTemplate(action)),
    ({ target }) => target.key,
  );
  const refusals = grouped(plan.refusals, ({ key }) => key);
  const keys = new Set([...plan.inSync, ...actions.keys(), ...refusals.keys()]);
  const cases = [...keys].map(
    (name): Case => ({
      name,
      ...merged(
        (refusals.get(name) ?? []).map(({ code, message, hint }) => ({
          type: code,
          message,
          text: hint === undefined ? message : `${message}\n${hint}`,
        })),
      ),
      output: (actions.get(name) ?? []).filter(isTold).flatMap(plannedLines),
    }),
  );
  return renderSuite('plan', plan.fleet, cases);
}

function failureOf({ id, result, error, log = [] }: ActionReport): Problem {
  const message = `${id}: ${error?.message ?? result}`;
  const more = [...(error?.hint === undefined ? [] : [error.hint]), ...log];
  return { type: error?.code ?? result.toUpperCase(), message, text: [message, ...more].join('\n') };
}

function findingsOf(report: VerifyReport): Map<string, Problem[]> {
  const problems = report.findings.map(({ key, field, state, expected, actual }) => ({
    key,
    type: state,
    message: `${field} is ${state}: ${showValue(expected as JsonValue)} expected, ${showValue(actual as JsonValue)} found`,
  }));
  return grouped(problems, ({ key }) => key);
}

/**
 * Renders what an apply did: what failed, diverged or has an unknown outcome has failed, what was not tried is skipped.
 *
 * @param report - the report.
 * @param proof - the verification afterwards, where there was one; what is diverged or missing has failed.
 * @returns XML that ends with a newline.
 */
export function renderApplyJunit(report: ApplyReport, proof?: VerifyReport): string {
  const actions = grouped(report.actions, (action) =>
    isTemplate(action) ? `template ${action.key}` : action.key,
  );
  const findings = proof ? findingsOf(proof) : new Map<string, Problem[]>();
  const keys = new Set([...actions.keys(), ...(proof?.containers ?? []).map(({ key }) => key)]);
  const cases = [...keys].map((name): Case => {
    const steps = actions.get(name) ?? [];
    const failed = steps.filter(({ result }) => ['failed', 'diverged', 'indeterminate'].includes(result));
    const skipped = steps.find(({ result }) => result === 'skipped');
    const state = proof?.containers.find(({ key }) => key === name)?.state;
    const isOff = skipped === undefined && (state === 'diverged' || state === 'missing');
    const problems = [...failed.map(failureOf), ...(isOff ? (findings.get(name) ?? []) : [])];
    return {
      name,
      ms: steps.reduce((sum, { ms }) => sum + ms, 0),
      ...merged(problems),
      ...(problems.length === 0 && skipped ? { skipped: skipped.error?.message ?? 'not tried' } : {}),
      output: steps.map(({ id, result }) => `${id}: ${result}`),
    };
  });
  return renderSuite('apply', report.fleet, cases, report.ms);
}

/**
 * Renders a verification: whatever is not as the file says, or not in force yet, has failed.
 *
 * @param report - the report.
 * @returns XML that ends with a newline.
 */
export function renderVerifyJunit(report: VerifyReport): string {
  const findings = findingsOf(report);
  const keys = new Set([...report.containers.map(({ key }) => key), ...findings.keys()]);
  const cases = [...keys].map((name): Case => ({ name, ...merged(findings.get(name) ?? []) }));
  return renderSuite('verify', report.fleet, cases);
}

interface Refused {
  readonly key: string;
  readonly code?: string;
  readonly message?: string;
  readonly reason?: string;
}

/** The refusals and stale steps that an error carries. */
function refusedIn({ details }: ErrorDocument): Refused[] {
  if (typeof details !== 'object' || details === null) return [];
  return ['refusals', 'stale'].flatMap((name) => {
    const list = (details as Readonly<Record<string, unknown>>)[name];
    return Array.isArray(list) ? (list as Refused[]) : [];
  });
}

/**
 * Renders an error that kept the command from its result, so that CI has a report in any case.
 *
 * @param command - for example `plan`.
 * @param document - the error.
 * @returns XML that ends with a newline: a failed case per container that was refused, else one case with the error.
 */
export function renderErrorJunit(command: string, document: ErrorDocument): string {
  const { code, message, hint } = document;
  const refused = grouped(refusedIn(document), ({ key }) => key);
  const cases = [...refused].map(([name, problems]): Case => {
    return {
      name,
      ...merged(
        problems.map((one) => ({ type: one.code ?? code, message: one.message ?? one.reason ?? message })),
      ),
    };
  });
  const text = hint === undefined ? message : `${message}\n${hint}`;
  return renderSuite(
    command,
    '',
    cases.length > 0 ? cases : [{ name: command, error: { type: code, message, text } }],
  );
}
