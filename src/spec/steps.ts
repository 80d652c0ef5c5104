/** Checked provisioning steps and readiness checks of the file → those of the domain. */
import type { DesiredReady, ProvisionStep, ReadyCheck } from '../domain/desired.ts';
import { invariant } from '../util/assert.ts';
import { parseDuration } from '../util/duration.ts';
import type { FileCheck, FileReady, FileStep } from './file.ts';
import { secretReference } from './secrets.ts';
import { splitTexts } from './values.ts';

/** Time-outs in seconds where the file says none. */
const defaults = { step: 1800, ready: 120 } as const;

function seconds(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const span = parseDuration(text);
  invariant('ms' in span, `the span of time ${text} was not checked`);
  return Math.ceil(span.ms / 1000);
}

function variables(env: NonNullable<FileStep['env']>): Record<string, string | { $secret: string }> {
  return Object.fromEntries(
    Object.entries(env).map(([name, text]) => {
      const reference = secretReference(text);
      return [name, reference === undefined ? text : { $secret: reference }];
    }),
  );
}

function buildStep(step: FileStep, resolvePath: (path: string) => string): ProvisionStep {
  const { run, copy, packages, service, env } = step;
  const base = {
    ...(step.name === undefined ? {} : { name: step.name }),
    timeoutSeconds: seconds(step.timeout, defaults.step),
  };
  if (run !== undefined)
    return { ...base, kind: 'run', script: run, ...(env === undefined ? {} : { env: variables(env) }) };
  if (copy) {
    const { from, to, mode, owner } = copy;
    invariant(from !== undefined && to !== undefined, 'the copy was not checked');
    return {
      ...base,
      kind: 'copy',
      from,
      location: resolvePath(from),
      to,
      ...(mode === undefined ? {} : { mode }),
      ...(owner === undefined ? {} : { owner }),
    };
  }
  if (packages !== undefined)
    return {
      ...base,
      kind: 'packages',
      packages: typeof packages === 'string' ? splitTexts(packages) : packages,
    };
  invariant(service?.name !== undefined, 'the step was not checked');
  const { name, state, enabled } = service;
  return {
    ...base,
    kind: 'service',
    service: name,
    ...(state === undefined ? {} : { state }),
    ...(enabled === undefined ? {} : { enabled }),
  };
}

/**
 * Builds the steps of a container.
 *
 * @param steps - of the file; null: none.
 * @param resolvePath - gives the absolute form of a path.
 * @returns the steps, or undefined when there are none.
 */
export function buildSteps(
  steps: readonly FileStep[] | null | undefined,
  resolvePath: (path: string) => string,
): readonly ProvisionStep[] | undefined {
  if (steps == null || steps.length === 0) return undefined;
  return steps.map((step) => buildStep(step, resolvePath));
}

function buildCheck({ command, port, file, address }: FileCheck): ReadyCheck {
  if (command !== undefined) return { kind: 'command', command };
  if (port !== undefined) return { kind: 'port', port };
  if (file !== undefined) return { kind: 'file', path: file };
  invariant(address !== undefined, 'the check was not checked');
  return { kind: 'address', interface: address };
}

/**
 * Builds the readiness of a container.
 *
 * @param ready - of the file; null: none.
 * @returns what tells that it is ready, or undefined.
 */
export function buildReady(ready: FileReady | null | undefined): DesiredReady | undefined {
  if (ready == null) return undefined;
  return {
    timeoutSeconds: seconds(ready.timeout, defaults.ready),
    checks: (ready.checks ?? []).map(buildCheck),
  };
}
