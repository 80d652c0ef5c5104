/** A plan as text: grouped by container, aligned, effects named, refusals last where they are seen. */
import type { Action, Effect, FieldChange, Plan, PlannedReset } from '../domain/plan.ts';
import { naturalCompare } from '../util/compare.ts';
import { hanging } from './fill.ts';
import { markdownCell } from './markdown.ts';
import { accountLines, accountSign, accountSummary, isAccountStep } from './plan-accounts.ts';
import { type Block, createTeller, type Item } from './plan-alike.ts';
import type { Style } from './style.ts';
import { fetchLine } from './templates.ts';
import { counted, isTold, showChange, showDuration, showValue } from './values.ts';
import { displayWidth, flow, pad, wrap } from './wrap.ts';

type Sign = '+' | '~' | '-' | '±' | '↓' | '▶';

interface Group {
  readonly key: string;
  readonly sign: Sign;
  readonly actions: readonly Action[];
  readonly reset?: PlannedReset;
}

const effectWords: Readonly<Record<Effect, string>> = {
  live: 'live',
  restart: 'after restart',
  recreate: 'recreates the container',
  forbidden: 'not possible',
};

/** When a change takes effect, and who alone may make it. */
const effectWord = ({ effect, settles, needs }: FieldChange): string =>
  [effectWords[effect], ...(settles ? ['soon'] : []), ...(needs ? [`needs ${needs}`] : [])].join(', ');

/** What makes a container. */
const makers: ReadonlySet<Action['kind']> = new Set([
  'container.create',
  'container.clone',
  'container.restore',
]);
/** What changes it. */
const changing =
  /^(?:container\.(?:configure|resize-disk|move-volume|migrate|template|provision)|ha\.|firewall\.)/;

function signOf(actions: readonly Action[]): Sign {
  if (actions.some(isAccountStep)) return accountSign(actions);
  const kinds = new Set(actions.map((action) => action.kind));
  if (kinds.has('container.destroy')) return [...makers].some((kind) => kinds.has(kind)) ? '±' : '-';
  if ([...makers].some((kind) => kinds.has(kind))) return '+';
  if (kinds.has('snapshot.delete')) return '-';
  if (kinds.has('template.download') || kinds.has('template.upload')) return '↓';
  if (kinds.has('template.delete')) return '-';
  return [...kinds].some((kind) => changing.test(kind)) ? '~' : '▶';
}

function groupsOf(plan: Plan): Group[] {
  const byKey = new Map<string, Action[]>();
  for (const action of plan.actions) {
    const { kind, id, target } = action;
    // a login may be the name of a container as well
    const group = kind.startsWith('template.')
      ? id
      : isAccountStep(action)
        ? `account ${target.key}`
        : target.key;
    byKey.set(group, [...(byKey.get(group) ?? []), action]);
  }
  const order = '↓+~±▶-';
  const resets = new Map(plan.reset?.containers.map((one) => [one.key, one]));
  return [...byKey]
    .map(([key, actions]): Group => {
      const reset = resets.get(key);
      return { key, sign: signOf(actions), actions, ...(reset ? { reset } : {}) };
    })
    .sort((a, b) => order.indexOf(a.sign) - order.indexOf(b.sign) || naturalCompare(a.key, b.key));
}

function paint(sign: Sign, style: Style): (text: string) => string {
  if (sign === '+' || sign === '↓') return style.green;
  return sign === '-' || sign === '±' ? style.red : style.yellow;
}

const fileOf = (volid: unknown): string =>
  typeof volid === 'string' ? (volid.split('/').at(-1) ?? volid) : '';

/** Changes that the steps in a plan's first line tell. */
const told: ReadonlySet<string> = new Set(['power', 'isTemplate', 'ownership', 'snapshot']);
/** What a reset does anyway. */
const routine: ReadonlySet<string> = new Set([
  ...told,
  'from',
  'hostname',
  'reset',
  'provision',
  'acl',
  'ha',
  'ha.state',
]);

/** Where a new container comes from. */
function origin({ kind, changes, request }: Action): string {
  const from = changes.find(({ field }) => field === 'from')?.to;
  if (kind === 'container.restore') return `restore ${fileOf(from)}`;
  return kind === 'container.clone' ? showValue(from) : `create from ${fileOf(request.params['ostemplate'])}`;
}

/** The settings of a new container. */
const settings = ({ changes, target }: Action): Item[] =>
  changes
    .filter(({ field, to }) => field !== 'from' && (field !== 'hostname' || to !== target.key))
    .map(({ field, to, needs }) => ({
      field,
      text: `${field} ${showValue(to)}${needs ? ` (needs ${needs})` : ''}`,
    }));

function changeLines(changes: readonly FieldChange[], width: number, style: Style): string[] {
  const rows = changes.map((change) => ({
    field: change.field,
    text: showChange(change.from, change.to, style),
    word: effectWord(change),
    isPlain: change.effect === 'live' && change.needs === undefined,
  }));
  const fieldWidth = Math.max(0, ...rows.map((row) => row.field.length));
  const wordWidth = Math.max(12, ...rows.map((row) => row.word.length));
  const textWidth = Math.min(
    Math.max(0, ...rows.map((row) => row.text.length)),
    Math.max(12, width - fieldWidth - wordWidth - 4),
  );
  return rows.flatMap((row) => {
    const effect = row.isPlain ? style.dim(row.word) : style.yellow(row.word);
    const [first = '', ...more] = style.isTerminal ? wrap(row.text, textWidth) : [row.text];
    return [
      `${row.field.padEnd(fieldWidth)}  ${pad(first, textWidth)}  ${effect}`,
      ...more.map((line) => ' '.repeat(fieldWidth + 2) + line),
    ];
  });
}

/** The rest that a new container gets for its baseline ends with a start; none of it is worth telling. */
const isRest = ({ id }: Action): boolean => /\/(?:shutdown:baseline|start:again|ready:again)$/.test(id);

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
    'snapshot.create': 'take the snapshot',
    'snapshot.rollback': 'roll back to',
    'snapshot.delete': 'delete the snapshot',
  };
  const said = actions.flatMap((action) => {
    const { kind, request } = action;
    const word = words[kind];
    if (word === undefined || isRest(action)) return [];
    return kind.startsWith('snapshot.') ? `${word} ${String(request.params['snapname'])}` : word;
  });
  return [...new Set(said)].join(', then ');
}

/** Rough, so without tenths. */
const about = (seconds: number): string => (seconds < 60 ? `${seconds} s` : showDuration(seconds * 1000));

const resetWords: Readonly<Record<PlannedReset['strategy'], string>> = {
  rollback: 'roll back to',
  reclone: 'clone it again',
  rebuild: 'make it anew',
};

/** What an estimate does not count, as only the container knows how long that takes. */
function uncounted(actions: readonly Action[]): string {
  const kinds = new Set(actions.map(({ inside }) => inside?.kind));
  if (kinds.has('provision')) return ' plus its steps';
  return kinds.has('ready') ? ' plus the wait until it is ready' : '';
}

const outside = (actions: readonly Action[]): Action[] => actions.filter(({ inside }) => !inside);

/** How a container is reset and why so; then what of its settings changes by the file. */
function resetBlock({ actions, sign }: Group, reset: PlannedReset, width: number, style: Style): Block {
  const { strategy, why, seconds } = reset;
  const isBack = strategy === 'rollback';
  const word = isBack ? `${resetWords.rollback} ${why}` : resetWords[strategy];
  const isUp = actions.some(({ kind }) => kind === 'container.start');
  const goesDown = actions.some(({ id }) => id.endsWith('/shutdown:as-before'));
  const starts = goesDown ? ', up only for its provisioning' : isUp ? ', then start' : '';
  const head = `${word}${starts}; about ${about(seconds)}${uncounted(actions)}`;
  const changes = isBack
    ? outside(actions)
        .flatMap((action) => action.changes)
        .filter(({ field }) => !routine.has(field))
    : [];
  return {
    head: sign === '±' ? style.red(head) : head,
    lines: [
      ...(isBack ? [] : hanging(`because ${why}`, width, style).map(style.dim)),
      ...changeLines(changes, width, style),
    ],
    inside: insideLines(actions, width, style),
    isSaidForEach: true,
  };
}

/** What is done inside, one step a line: `provision 2 of 4: run make install (changed)`. */
function insideLines(actions: readonly Action[], width: number, style: Style): string[] {
  return actions.flatMap((action) => {
    const { inside, reason, changes } = action;
    if (!inside || isRest(action)) return [];
    if (inside.kind === 'ready') {
      const checks = inside.checks.map(({ kind, ...what }) => {
        const [value] = Object.values(what);
        return kind === 'command' ? showValue(value) : `${kind} ${value}`;
      });
      return hanging(`wait until it is ready: ${checks.join(', ')}`, width, style);
    }
    const { position, of } = inside;
    const what = `provision ${position} of ${of}: ${showValue(changes[0]?.to)}`;
    const [why = ''] = reason.split(' ');
    return hanging(why === 'not' ? what : `${what} (${why})`, width, style);
  });
}

/** Lines of which the first stands beside the name. */
function block(lines: readonly string[], inside: readonly string[] = []): Block {
  const [head, ...rest] = [...lines, ...inside];
  const isInside = lines.length === 0;
  return { head: head ?? '', lines: isInside ? [] : lines.slice(1), inside: isInside ? rest : inside };
}

function blockOf(group: Group, width: number, style: Style): Block {
  if (group.reset) return resetBlock(group, group.reset, width, style);
  const first = group.actions[0] as Action;
  if (isAccountStep(first)) return block(accountLines(group.actions, width, style));
  const create = group.actions.find((action) => makers.has(action.kind));
  if (group.sign === '↓') return block([fetchLine(first)]);
  if (first.kind === 'template.delete')
    return block([`delete ${String(first.request.params['volume'] ?? '')}`]);
  const after = group.actions.filter((action) => !makers.has(action.kind));
  if (create && group.sign === '+') {
    const inner = insideLines(after, width, style);
    // what holds the provisioned container is told after that
    const isLate = ({ kind }: Action): boolean => inner.length > 0 && kind === 'snapshot.create';
    const then = steps(after.filter((action) => !isLate(action)));
    const late = steps(after.filter(isLate));
    return {
      head: `${origin(create)}${then ? `, then ${then}` : ''}`,
      items: settings(create),
      lines: changeLines(
        outside(after)
          .flatMap((action) => action.changes)
          .filter(({ field }) => !told.has(field)),
        width,
        style,
      ),
      inside: [...inner, ...(late ? [`then ${late}`] : [])],
    };
  }
  const last = group.actions.at(-1) as Action;
  const lines = changeLines(
    outside(group.actions)
      .filter((action) => action !== create)
      .flatMap((action) => action.changes)
      .filter(({ field }) => !['power', 'snapshot', 'provision'].includes(field)), // the steps below say it
    width,
    style,
  );
  if (group.sign === '±')
    return {
      ...block(
        [style.red(`destroy and create again: ${create?.reason ?? last.reason}`), ...lines],
        insideLines(after, width, style),
      ),
      isSaidForEach: true,
    };
  const [start, ...later] = after;
  const snapshot = start?.kind === 'snapshot.create' && later.length > 0 ? start : undefined;
  const word = steps(snapshot ? later : after);
  if (group.sign === '-') return block([`${word}: ${last.reason}`]);
  // that the file changed is what everybody expects; that the container did is not
  const isDrift = lines.length > 0 && group.actions.some(({ cause }) => cause === 'drifted');
  return block(
    [
      ...(snapshot ? [`snapshot ${String(snapshot.request.params['snapname'])} first`] : []),
      ...lines,
      ...(word ? [word] : []),
    ],
    [
      ...insideLines(after, width, style),
      ...(isDrift ? [style.dim('changed by somebody since the file was applied')] : []),
    ],
  );
}

const summaryText = (plan: Plan): string => {
  const { create, update, destroy, unchanged } = plan.summary;
  return `${create} to create, ${update} to change, ${destroy} to destroy, ${unchanged} unchanged${accountSummary(plan.summary)}`;
};

/** `Reset of 30 containers: 28 by rollback, 2 by reclone; about 40 s in all.` */
function resetSummary({ reset, actions }: Plan): string | undefined {
  if (!reset || reset.containers.length === 0) return undefined;
  const { containers, seconds } = reset;
  const strategies = ['rollback', 'reclone', 'rebuild'] as const;
  const counts = strategies.flatMap((name) => {
    const count = containers.filter(({ strategy }) => strategy === name).length;
    return count === 0 ? [] : [`${count} by ${name}`];
  });
  return `Reset of ${counted(containers.length, 'container')}: ${counts.join(', ')}; about ${about(seconds)} in all${uncounted(actions) === '' ? '' : ' plus what is done inside'}.`;
}

/** Commands of all refusals, each once; roles are made before they are given. */
function grantingCommands(plan: Plan): string[] {
  const all = [...new Set(plan.refusals.flatMap(({ commands = [] }) => commands))];
  const isRole = (command: string): boolean => command.startsWith('pveum role ');
  return [...all.filter(isRole), ...all.filter((command) => !isRole(command))];
}

/** Columns for texts beside the names; where there are fewer, texts stand below. */
const roomy = 44;

/** Refusals, those with the same advice together and the advice once. */
function refusalLines({ refusals }: Plan, style: Style): string[] {
  const byHint = new Map<string, { readonly hint: string; readonly messages: string[] }>();
  for (const [index, { message, hint = '', commands }] of refusals.entries()) {
    // commands come once, below
    const shown = commands === undefined ? hint : '';
    const group = byHint.get(shown || `${index}`) ?? { hint: shown, messages: [] };
    group.messages.push(message);
    byHint.set(shown || `${index}`, group);
  }
  return [...byHint.values()].flatMap(({ hint, messages }) => [
    ...messages.map((message) => flow(`  ${style.red(style.glyph.fail)} `, message, style)),
    ...(hint === '' ? [] : [flow('    ', style.dim(hint), style, { keepWords: true })]),
  ]);
}

/** Notices; what is said of several containers is said of the first, with the names of the others. */
function noticeLines({ notices }: Plan, style: Style): string[] {
  const byText = new Map<string, { readonly text: string; readonly others: string[] }>();
  for (const { message, hint } of notices) {
    const [, key = '', rest = message] = /^([\w.-]+): (.*)$/s.exec(message) ?? [];
    const said = byText.get(`${rest}\n${hint}`);
    if (said && key !== '') said.others.push(key);
    else
      byText.set(`${rest}\n${hint}`, { text: message + (hint ? style.dim(` (${hint})`) : ''), others: [] });
  }
  return [...byText.values()].flatMap(({ text, others }) => [
    flow(`${style.yellow(style.glyph.warn)} `, text, style, { keepWords: true }),
    ...(others.length === 0 ? [] : [flow('  ', style.dim(`likewise ${others.join(', ')}`), style)]),
  ]);
}

/** Containers with nothing to do, by name as far as a line goes. */
function inSyncLine({ inSync }: Plan, style: Style): string[] {
  if (inSync.length === 0) return [];
  const mark = `, ${style.glyph.ellipsis}`;
  let line = `  = ${counted(inSync.length, 'container')} in sync: ${inSync[0]}`;
  for (const [index, name] of inSync.entries()) {
    if (index === 0) continue;
    const isLast = index === inSync.length - 1;
    if (line.length + 2 + name.length + (isLast ? 0 : mark.length) > style.width) return [line + mark];
    line += `, ${name}`;
  }
  return [line];
}

/**
 * Renders a plan for people.
 *
 * @param plan - the plan.
 * @param style - palette and width.
 * @returns text that ends with a newline.
 */
export function renderPlan(plan: Plan, style: Style): string {
  const groups = groupsOf(plan);
  const label = ({ sign, key, actions: [first] }: Group): string =>
    sign === '↓' ? 'template' : first && isAccountStep(first) ? first.target.key : key;
  const vmidOf = (group: Group): string =>
    String(group.actions.find((a) => a.target.vmid !== undefined)?.target.vmid ?? '');
  const nameWidth = Math.max(4, ...groups.map((group) => label(group).length));
  const idWidth = Math.max(3, ...groups.map((group) => vmidOf(group).length));
  const nodeWidth = Math.max(4, ...groups.map((group) => group.actions[0]?.target.node.length ?? 0));
  const indent = 2 + 2 + nameWidth + 2 + idWidth + 2 + nodeWidth + 2;
  const isBelow = style.isTerminal && style.width - indent < roomy;
  const margin = isBelow ? 6 : indent;
  const width = style.width - margin;
  const tell = createTeller(width, style);
  const out: string[] = [];
  for (const group of groups) {
    const color = paint(group.sign, style);
    const node = group.actions[0]?.target.node ?? '';
    const head = `  ${color(group.sign)} ${style.bold(pad(label(group), nameWidth))}  ${vmidOf(group).padStart(idWidth)}  ${style.dim(node.padEnd(nodeWidth))}  `;
    const [first = '', ...more] = tell(label(group), group.sign, blockOf(group, width, style));
    const isBeside = !isBelow || displayWidth(first) <= style.width - indent;
    const below = isBeside ? more : [first, ...more];
    out.push(isBeside && first !== '' ? head + first : head.trimEnd());
    out.push(...below.map((line) => ' '.repeat(margin) + line));
  }
  out.push(...inSyncLine(plan, style));
  const notices = noticeLines(plan, style);
  const refusals = refusalLines(plan, style);
  const commands = grantingCommands(plan);
  const id = plan.id.slice(0, 8);
  const isDestructive =
    plan.actions.some((action) => action.risk === 'destructive') ||
    plan.refusals.some((refusal) => refusal.needs !== undefined && refusal.needs !== 'restart');
  const closing =
    plan.actions.length === 0 && plan.refusals.length === 0
      ? `Nothing to do: ${counted(plan.summary.unchanged, 'container')} as the file says.`
      : `Plan ${style.bold(id)}: ${summaryText(plan)}.${isDestructive ? '' : ' Nothing destructive.'}`;
  const resets = resetSummary(plan);
  return `${[
    ...(out.length > 0 ? [...out, ''] : []),
    ...(resets === undefined ? [] : [flow('', resets, style), '']),
    ...(notices.length > 0 ? [...notices, ''] : []),
    ...(refusals.length > 0 ? [style.red('Refused:'), ...refusals, ''] : []),
    ...(commands.length > 0
      ? ['To grant what is missing, on a node as root:', ...commands.map((line) => `  ${line}`), '']
      : []),
    flow('', closing, style),
  ].join('\n')}\n`;
}

/** What a step does, for a table. */
function markdownRows(action: Action): (readonly [field: string, change: string, effect: string])[] {
  if (action.kind === 'container.create')
    return [['', `create from ${fileOf(action.request.params['ostemplate'])}`, '']];
  if (action.kind === 'template.download' || action.kind === 'template.upload')
    return [['', fetchLine(action), '']];
  if (action.changes.length === 0) return [['', action.reason, action.risk]];
  return action.changes.map((change) => [
    change.field,
    showChange(change.from, change.to),
    effectWord(change),
  ]);
}

/** Containers in which the same is done as in another one: by key that one, and the step that says so. */
function repeatedInside(plan: Plan): ReadonlyMap<string, { readonly key: string; readonly firstId: string }> {
  const byKey = new Map<string, Action[]>();
  for (const action of plan.actions)
    if (action.inside) byKey.set(action.target.key, [...(byKey.get(action.target.key) ?? []), action]);
  const first = new Map<string, string>();
  return new Map(
    [...byKey].flatMap(([key, actions]) => {
      const text = JSON.stringify(actions.map((action) => [action.kind, markdownRows(action)]));
      const other = first.get(text);
      if (other === undefined) first.set(text, key);
      const [step] = actions;
      return other === undefined || !step || actions.length < 2
        ? []
        : [[key, { key: other, firstId: step.id }]];
    }),
  );
}

/**
 * Renders a plan as Markdown, for a pull request.
 *
 * @param plan - the plan.
 * @returns Markdown that ends with a newline.
 */
export function renderPlanMarkdown(plan: Plan): string {
  const repeated = repeatedInside(plan);
  const rows = plan.actions.filter(isTold).flatMap((action) => {
    const { key, vmid, node } = action.target;
    const as = action.inside && repeated.get(key);
    if (as && as.firstId !== action.id) return [];
    const told = as ? ([['', `as ${as.key}`, '']] as const) : markdownRows(action);
    return told.map(
      (cells) =>
        `| ${[key, String(vmid ?? ''), node, action.kind, ...cells].map(markdownCell).join(' | ')} |`,
    );
  });
  const hinted = ({ message, hint }: { readonly message: string; readonly hint?: string }): string =>
    markdownCell(hint === undefined ? message : `${message} (${hint})`);
  const remarks = [
    ...plan.notices.map((notice) => `> ${hinted(notice)}`),
    ...plan.refusals.map((refusal) => `> **Refused:** ${hinted(refusal)}`),
  ];
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
    ...remarks.flatMap((remark) => [remark, '']),
    `Plan \`${plan.id.slice(0, 8)}\`.`,
  ].join('\n')}\n`;
}
