/** A plan as text: grouped by container, aligned, effects named, refusals last where they are seen. */
import type { Action, Effect, FieldChange, Plan } from '../domain/plan.ts';
import { naturalCompare } from '../util/compare.ts';
import { clip, type Style } from './style.ts';
import { counted, showValue } from './values.ts';

type Sign = '+' | '~' | '-' | '±' | '↓' | '▶';

interface Group {
  readonly key: string;
  readonly sign: Sign;
  readonly actions: readonly Action[];
}

const effectWords: Readonly<Record<Effect, string>> = {
  live: 'live',
  restart: 'after restart',
  recreate: 'recreates the container',
  forbidden: 'not possible',
};

/** What makes a container. */
const makers: ReadonlySet<Action['kind']> = new Set([
  'container.create',
  'container.clone',
  'container.restore',
]);
/** What changes it. */
const changing = /^(?:container\.(?:configure|resize-disk|move-volume|migrate|template)|ha\.|firewall\.)/;

function signOf(actions: readonly Action[]): Sign {
  const kinds = new Set(actions.map((action) => action.kind));
  if (kinds.has('container.destroy')) return [...makers].some((kind) => kinds.has(kind)) ? '±' : '-';
  if ([...makers].some((kind) => kinds.has(kind))) return '+';
  if (kinds.has('snapshot.delete')) return '-';
  if (kinds.has('template.download')) return '↓';
  if (kinds.has('template.delete')) return '-';
  return [...kinds].some((kind) => changing.test(kind)) ? '~' : '▶';
}

function groupsOf(plan: Plan): Group[] {
  const byKey = new Map<string, Action[]>();
  for (const action of plan.actions) {
    const group = action.kind.startsWith('template.') ? action.id : action.target.key;
    byKey.set(group, [...(byKey.get(group) ?? []), action]);
  }
  const order = '↓+~±▶-';
  return [...byKey]
    .map(([key, actions]) => ({ key, sign: signOf(actions), actions }))
    .sort((a, b) => order.indexOf(a.sign) - order.indexOf(b.sign) || naturalCompare(a.key, b.key));
}

function paint(sign: Sign, style: Style): (text: string) => string {
  if (sign === '+' || sign === '↓') return style.green;
  return sign === '-' || sign === '±' ? style.red : style.yellow;
}

const fileOf = (volid: unknown): string =>
  typeof volid === 'string' ? (volid.split('/').at(-1) ?? volid) : '';

/** Changes that the steps in a plan's first line tell. */
const told: ReadonlySet<string> = new Set(['power', 'isTemplate', 'ownership']);

/** Where a new container comes from. */
function origin({ kind, changes, request }: Action): string {
  const from = changes.find(({ field }) => field === 'from')?.to;
  if (kind === 'container.restore') return `restore ${fileOf(from)}`;
  return kind === 'container.clone' ? showValue(from) : `create from ${fileOf(request.params['ostemplate'])}`;
}

/** The settings of a new container, as many to a line as fit. */
function settings(action: Action, width: number, style: Style): string[] {
  const items = action.changes
    .filter(({ field, to }) => field !== 'from' && (field !== 'hostname' || to !== action.target.key))
    .map((change) => `${change.field} ${showValue(change.to)}`);
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    const joined = last === undefined ? item : `${last} ${style.glyph.dot} ${item}`;
    if (last !== undefined && joined.length <= width) lines[lines.length - 1] = joined;
    else lines.push(clip(item, width, style));
  }
  return lines;
}

function changeLines(changes: readonly FieldChange[], width: number, style: Style): string[] {
  const rows = changes.map((change) => ({
    field: change.field,
    text: `${showValue(change.from)} ${style.glyph.arrow} ${showValue(change.to)}`,
    effect: change.effect,
  }));
  const fieldWidth = Math.max(0, ...rows.map((row) => row.field.length));
  const textWidth = Math.min(
    Math.max(0, ...rows.map((row) => row.text.length)),
    Math.max(20, width - fieldWidth - 16),
  );
  return rows.map((row) => {
    const word = effectWords[row.effect];
    const effect = row.effect === 'live' ? style.dim(word) : style.yellow(word);
    return `${row.field.padEnd(fieldWidth)}  ${clip(row.text, textWidth, style).padEnd(textWidth)}  ${effect}`;
  });
}

function steps(actions: readonly Action[]): string {
  const words: Partial<Record<Action['kind'], string>> = {
    'container.start': 'start',
    'container.shutdown': 'shut down',
    'container.stop': 'stop',
    'container.reboot': 'restart',
    'container.destroy': 'destroy',
    'container.move-volume': 'move its disks',
    'container.migrate': 'migrate',
    'container.template': 'make it a template',
    'snapshot.create': 'take a snapshot',
    'snapshot.rollback': 'roll back',
    'snapshot.delete': 'delete a snapshot',
  };
  return [...new Set(actions.flatMap((action) => words[action.kind] ?? []))].join(', then ');
}

function groupLines(group: Group, width: number, style: Style): string[] {
  const first = group.actions[0] as Action;
  const create = group.actions.find((action) => makers.has(action.kind));
  if (group.sign === '↓') {
    return [
      `download ${String(first.request.params['template'] ?? '')} to ${String(first.request.params['storage'] ?? '')}`,
    ];
  }
  if (first.kind === 'template.delete') return [`delete ${String(first.request.params['volume'] ?? '')}`];
  const after = group.actions.filter((action) => !makers.has(action.kind));
  if (create && group.sign === '+') {
    const then = steps(after);
    return [
      `${origin(create)}${then ? `, then ${then}` : ''}`,
      ...settings(create, width, style).map(style.dim),
      ...changeLines(
        after.flatMap((action) => action.changes).filter(({ field }) => !told.has(field)),
        width,
        style,
      ),
    ];
  }
  const last = group.actions.at(-1) as Action;
  const lines = changeLines(
    group.actions
      .filter((action) => action !== create)
      .flatMap((action) => action.changes)
      .filter((change) => change.field !== 'power'), // the step below says it
    width,
    style,
  );
  if (group.sign === '±')
    return [style.red(`destroy and create again: ${create?.reason ?? last.reason}`), ...lines];
  const word = steps(after);
  return group.sign === '-' ? [`${word}: ${last.reason}`] : [...lines, ...(word ? [word] : [])];
}

const summaryText = (plan: Plan): string => {
  const { create, update, destroy, unchanged } = plan.summary;
  return `${create} to create, ${update} to change, ${destroy} to destroy, ${unchanged} unchanged`;
};

/**
 * Renders a plan for people.
 *
 * @param plan - the plan.
 * @param style - palette and width.
 * @returns text that ends with a newline.
 */
export function renderPlan(plan: Plan, style: Style): string {
  const groups = groupsOf(plan);
  const label = (group: Group): string => (group.sign === '↓' ? 'template' : group.key);
  const vmidOf = (group: Group): string =>
    String(group.actions.find((a) => a.target.vmid !== undefined)?.target.vmid ?? '');
  const nameWidth = Math.max(4, ...groups.map((group) => label(group).length));
  const idWidth = Math.max(3, ...groups.map((group) => vmidOf(group).length));
  const nodeWidth = Math.max(4, ...groups.map((group) => group.actions[0]?.target.node.length ?? 0));
  const indent = 2 + 2 + nameWidth + 2 + idWidth + 2 + nodeWidth + 2;
  const out: string[] = [];
  for (const group of groups) {
    const color = paint(group.sign, style);
    const node = group.actions[0]?.target.node ?? '';
    const head = `  ${color(group.sign)} ${style.bold(label(group).padEnd(nameWidth))}  ${vmidOf(group).padStart(idWidth)}  ${style.dim(node.padEnd(nodeWidth))}  `;
    const lines = groupLines(group, style.width - indent, style);
    out.push(...lines.map((line, index) => (index === 0 ? head + line : ' '.repeat(indent) + line)));
    if (lines.length === 0) out.push(head.trimEnd());
  }
  if (plan.inSync.length > 0) {
    const names = plan.inSync.join(', ');
    const count = counted(plan.inSync.length, 'container');
    out.push(clip(`  = ${count} in sync: ${names}`, style.width, style));
  }
  const notices = plan.notices.map(
    (notice) =>
      `${style.yellow(style.glyph.warn)} ${notice.message}${notice.hint ? style.dim(` (${notice.hint})`) : ''}`,
  );
  const refusals = plan.refusals.map(
    (refusal) =>
      `${style.red(style.glyph.fail)} ${refusal.message}${refusal.hint ? `\n    ${style.dim(refusal.hint)}` : ''}`,
  );
  const id = plan.id.slice(0, 8);
  const closing =
    plan.actions.length === 0 && plan.refusals.length === 0
      ? `Nothing to do: ${counted(plan.summary.unchanged, 'container')} as the file says.`
      : `Plan ${style.bold(id)}: ${summaryText(plan)}.${plan.actions.some((a) => a.risk === 'destructive') ? '' : ' Nothing destructive.'}`;
  return `${[
    ...(out.length > 0 ? [...out, ''] : []),
    ...(notices.length > 0 ? [...notices, ''] : []),
    ...(refusals.length > 0 ? [style.red('Refused:'), ...refusals.map((line) => `  ${line}`), ''] : []),
    closing,
  ].join('\n')}\n`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

/**
 * Renders a plan as Markdown, for a pull request.
 *
 * @param plan - the plan.
 * @returns Markdown that ends with a newline.
 */
export function renderPlanMarkdown(plan: Plan): string {
  const rows = plan.actions.flatMap((action) => {
    const head = `| ${cell(action.target.key)} | ${action.target.vmid ?? ''} | ${action.target.node} | ${action.kind}`;
    return action.changes.length === 0 || action.kind === 'container.create'
      ? [`${head} | | | ${action.risk} |`]
      : action.changes.map(
          (change) =>
            `${head} | ${cell(change.field)} | ${cell(showValue(change.from))} → ${cell(showValue(change.to))} | ${effectWords[change.effect]} |`,
        );
  });
  return `${[
    `### Fleet \`${plan.fleet}\`: ${summaryText(plan)}`,
    '',
    ...(rows.length > 0
      ? [
          '| container | vmid | node | action | field | change | effect |',
          '|---|---|---|---|---|---|---|',
          ...rows,
          '',
        ]
      : []),
    ...plan.notices.map((notice) => `> ${cell(notice.message)}`),
    ...plan.refusals.map((refusal) => `> **Refused:** ${cell(refusal.message)}`),
    `Plan \`${plan.id.slice(0, 8)}\`.`,
  ].join('\n')}\n`;
}
