/** Rules of provisioning and readiness that need more than one key: one kind per step, and a console that shows a shell. */
import { suggest } from '../util/suggest.ts';
import type { Instance } from './expand.ts';
import type { Findings, Problem } from './findings.ts';
import { locate, type MapTree, member, type Place, type Tree } from './tree.ts';

const stepKinds = ['run', 'copy', 'packages', 'service'] as const;
/** What a step may have whatever its kind. */
const sharedKeys: readonly string[] = ['name', 'timeout', 'env'];
const checkKinds = ['command', 'port', 'file', 'address'] as const;

type Report = (problem: Problem, place: Place) => void;

const list = (words: readonly string[], last: string): string =>
  `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;

/** Members of a list that are maps; others have been reported. */
const mapsIn = (tree: Tree | undefined): readonly MapTree[] =>
  tree?.kind === 'list' ? tree.items.filter((item): item is MapTree => item.kind === 'map') : [];

/** Reports a member that is of no kind, or of several; what is there but invalid counts. */
function checkKind(
  item: MapTree,
  kinds: readonly string[],
  what: string,
  report: Report,
): string | undefined {
  const [first, second] = kinds.filter((kind) => item.entries.has(kind));
  const isClear = [...item.entries.keys()].every((key) => kinds.includes(key) || sharedKeys.includes(key));
  // an unknown key has been reported, and was probably meant to be the kind
  if (first === undefined && isClear)
    report(
      {
        code: 'SPEC_STEP',
        message: `${what} is one of ${list(kinds, 'and')}`,
        hint: `add ${list(kinds, 'or')}`,
      },
      item.place,
    );
  else if (second !== undefined)
    report(
      {
        code: 'SPEC_STEP',
        message: `'${first}' and '${second}' are two things`,
        hint: "begin the second one with a '-' of its own",
      },
      item.entries.get(second)?.key ?? item.place,
    );
  return second === undefined ? first : undefined;
}

/** What a member must have besides its kind. */
function checkMembers(item: MapTree, kind: string, names: readonly string[], report: Report): void {
  const entry = item.entries.get(kind);
  if (entry?.value.kind !== 'map') return;
  for (const name of names)
    if (!entry.value.entries.has(name))
      report({ code: 'SPEC_MISSING', message: `'${kind}.${name}' is missing` }, entry.key);
}

function checkSteps(steps: Tree | undefined, report: Report): void {
  for (const step of mapsIn(steps)) {
    const kind = checkKind(step, stepKinds, 'a step', report);
    checkMembers(step, 'copy', ['from', 'to'], report);
    checkMembers(step, 'service', ['name'], report);
    const service = member(step, 'service');
    if (service?.kind === 'map' && !service.entries.has('state') && !service.entries.has('enabled'))
      report(
        {
          code: 'SPEC_STEP',
          message: 'this step says not what to do with the service',
          hint: "add 'state: running', 'enabled: true' or both",
        },
        service.place,
      );
    const env = step.entries.get('env');
    if (env && kind !== undefined && kind !== 'run')
      report({ code: 'SPEC_STEP', message: "'env' is for 'run'", hint: 'leave it out' }, env.key);
  }
}

/** PVE: what the console shows is chosen by `cmode`, and with `shell` it asks for no login. */
function checkConsole(instance: Instance, key: 'provision' | 'ready', report: Report): void {
  const { raw, tree } = instance;
  const cmode = locate(tree, ['cmode']);
  if (raw.cmode === 'shell' || cmode.tree.kind === 'invalid') return;
  const what = key === 'provision' ? "'provision' works" : 'these checks work';
  const place = raw.cmode == null ? locate(tree, [key]).key : cmode.tree.place;
  report(
    {
      code: 'SPEC_CMODE',
      message: `${what} through the console, which shows no shell with ${raw.cmode == null ? "the default 'cmode: tty'" : `'cmode: ${raw.cmode}'`}`,
      hint: "write 'cmode: shell'; whoever may open the console (VM.Console) is root inside then, without login",
      topic: `cmode ${key}`,
    },
    place ?? instance.place,
  );
}

/** Names that Proxmox VE or whoever numbers interfaces gives; others may be made by what runs inside, such as `docker0`. */
const isPlainName = (name: string): boolean => /^(?:eth|net|en)\w*\d$/.test(name);

/** Interfaces that are waited for are there: of a container whose interfaces the file tells, or a new one. */
function checkInterfaces({ raw, tree }: Instance, report: Report): void {
  const { ready, nets } = raw;
  const isKept = nets === undefined && (raw.from != null || raw.adopt === true);
  if (isKept || locate(tree, ['nets']).tree.kind === 'invalid') return;
  const names = Object.entries(nets ?? {}).flatMap(([name, net]) => (net === null ? [] : [name]));
  (ready?.checks ?? []).forEach(({ address }, index) => {
    if (address === undefined || names.includes(address)) return;
    const near = suggest(address, names);
    const has =
      names.length === 0
        ? "add it to 'nets'"
        : `it has ${names.join(', ')}; add this one to 'nets', or wait for another one`;
    report(
      {
        severity: isPlainName(address) ? 'error' : 'warning',
        code: 'SPEC_INTERFACE',
        message: `the container has no interface '${address}' in this file`,
        hint: near === undefined ? has : `did you mean '${near}'?`,
      },
      locate(tree, ['ready', 'checks', index, 'address']).tree.place,
    );
  });
}

/**
 * Checks that what is to be copied into containers is there.
 *
 * @param instances - after expansion.
 * @param lookAt - tells why a path as the file writes it cannot be read, and where it was looked for.
 * @param findings - gets the problems.
 */
export function checkCopies(
  instances: readonly Instance[],
  lookAt: (from: string) => { readonly problem: string; readonly path: string } | undefined,
  findings: Findings,
): void {
  for (const { raw, tree } of instances)
    (raw.provision ?? []).forEach(({ copy }, index) => {
      const found = copy?.from === undefined ? undefined : lookAt(copy.from);
      if (!found) return;
      findings.report(
        {
          code: 'SPEC_FILE',
          message: `'${copy?.from}' cannot be copied: ${found.problem}`,
          hint: `it is looked for at ${found.path}`,
        },
        locate(tree, ['provision', index, 'copy', 'from']).tree.place,
      );
    });
}

/**
 * Checks what is to be done inside a container.
 *
 * @param instance - after expansion.
 * @param findings - gets the problems.
 */
export function checkInside(instance: Instance, findings: Findings): void {
  const report: Report = (problem, place) => findings.report(problem, place);
  const { tree, raw } = instance;
  const steps = member(tree, 'provision');
  const ready = tree.entries.get('ready');
  checkSteps(steps, report);
  const checks = member(ready?.value, 'checks');
  const kinds = mapsIn(checks).map((check) => checkKind(check, checkKinds, 'a check', report));
  if (
    ready?.value.kind === 'map' &&
    (checks === undefined || (checks.kind === 'list' && checks.items.length === 0))
  )
    report(
      {
        code: 'SPEC_MISSING',
        message: "'ready.checks' is missing",
        hint: 'add for example checks: [{ port: 80 }]',
      },
      ready.key,
    );
  checkInterfaces(instance, report);
  const hasSteps = steps?.kind === 'list' && steps.items.length > 0;
  const looksInside = kinds.some((kind) => kind !== undefined && kind !== 'address');
  if (raw.isTemplate && (hasSteps || kinds.length > 0))
    report(
      {
        code: 'SPEC_STEP',
        message: 'a template never runs, so nothing can be done inside',
        hint: 'provision a container, and make the template of it later; or write null',
      },
      locate(tree, [hasSteps ? 'provision' : 'ready']).key ?? instance.place,
    );
  else if (hasSteps) checkConsole(instance, 'provision', report);
  else if (looksInside) checkConsole(instance, 'ready', report);
}
