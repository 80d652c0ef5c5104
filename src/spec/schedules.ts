/**
 * The section `schedule`: that of the file below that of each container, what needs more than one key, and what becomes of
 * it. Times of day are texts until here.
 */
import type { ActionTime, ClassTimes, DesiredSchedule, TimedAction } from '../domain/lab/schedule.ts';
import { parseDuration } from '../util/duration.ts';
import type { Instance } from './expand.ts';
import type { FileContainer, FileSchedule, FileTimedAction } from './file.ts';
import type { Findings, Problem } from './findings.ts';
import { mergeLayers } from './layers.ts';
import { dayRangeOf, daysOf, minutesOf, momentOf } from './schedule-formats.ts';
import { locate, mapTree, type Path, type Tree, toPlain } from './tree.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * Puts the schedule of a container over that of the file.
 *
 * @param instance - a container, layers merged.
 * @param fleet - the whole file.
 * @returns the container with its whole schedule.
 */
export function withFleetSchedule(instance: Instance, fleet: Tree): Instance {
  const below = fleet.kind === 'map' ? fleet.entries.get('schedule') : undefined;
  if (below?.value.kind !== 'map') return instance;
  const own = instance.tree.entries.get('schedule');
  if (own && own.value.kind !== 'map') return instance;
  const entries = new Map(instance.tree.entries);
  const value = own?.value.kind === 'map' ? mergeLayers([below.value, own.value]) : below.value;
  entries.set('schedule', { key: own?.key ?? below.key, value });
  const tree = mapTree(entries, instance.tree.place);
  return { ...instance, tree, raw: toPlain(tree) as FileContainer };
}

const wrong = (message: string, hint: string): Problem => ({ code: 'SPEC_SCHEDULE', message, hint });

/** Keys that only some actions have. */
const belongsTo: readonly (readonly [key: keyof FileTimedAction, what: string])[] = [
  ['name', 'snapshot'],
  ['keep', 'snapshot'],
  ['stop', 'freeze'],
  ['snapshot', 'freeze'],
];

type Report = (problem: Problem, path: Path) => void;

function checkActions(actions: readonly FileTimedAction[], report: Report): void {
  actions.forEach((action, index) => {
    for (const [key, what] of belongsTo)
      if (action[key] !== undefined && action.do !== undefined && action.do !== what)
        report(wrong(`'${key}' belongs to 'do: ${what}'`, 'leave it out'), ['actions', index, key]);
    if (action.at !== undefined && action.days !== undefined && momentOf(action.at))
      report(wrong(`'at: ${action.at}' is a day already`, "leave out 'days', or write a time of day only"), [
        'actions',
        index,
        'days',
      ]);
  });
}

/**
 * Checks the schedule of a container as a whole.
 *
 * @param instance - with its whole schedule.
 * @param findings - gets the problems; one of the file is told once, not for each container.
 */
export function checkSchedule({ tree, raw }: Instance, findings: Findings): void {
  const { schedule } = raw;
  if (schedule == null) return;
  const place = (path: Path): Tree => locate(tree, ['schedule', ...path]).tree;
  const report: Report = (problem, path) => findings.report(problem, place(path).place);
  const { timezone, term, classes, actions, expires, onExpiry, removeAfter } = schedule;
  if (timezone === undefined && place([]).kind === 'map' && !hasKey(tree, 'timezone'))
    findings.report(
      wrong(
        "'timezone' is missing, so nobody knows when it is 08:00",
        "add for example 'timezone: Europe/Vienna'",
      ),
      locate(tree, ['schedule']).key ?? place([]).place,
    );
  (classes ?? []).forEach(({ from, to }, index) => {
    if (from !== undefined && from === to)
      report(wrong(`the class ends when it begins, at ${to}`, 'write when it ends'), [
        'classes',
        index,
        'to',
      ]);
  });
  if (actions) checkActions(actions, report);
  if (term?.from !== undefined && term.to !== undefined && term.to < term.from)
    report(wrong(`the term ends (${term.to}) before it begins (${term.from})`, 'swap them'), ['term', 'to']);
  if (removeAfter !== undefined && onExpiry !== 'remove')
    report(wrong("'removeAfter' needs 'onExpiry: remove'", 'add it, or leave this out'), ['removeAfter']);
  if (onExpiry === 'remove' && expires == null && !hasKey(tree, 'expires'))
    report(wrong("'onExpiry: remove' needs the day, 'expires'", "add for example 'expires: 2027-01-31'"), [
      'onExpiry',
    ]);
}

/** A key that is there but invalid has been complained about. */
const hasKey = (tree: Tree, key: string): boolean => locate(tree, ['schedule', key]).complete;

function spanOf(text: string | null | undefined, fallback: number): number {
  const span = text == null ? undefined : parseDuration(text);
  return span && 'ms' in span ? span.ms : fallback;
}

function classOf(one: NonNullable<FileSchedule['classes']>[number]): ClassTimes {
  const { days, from = '', to = '', lead, before = [], after = [], keep } = one;
  return {
    days: daysOf(days),
    from: minutesOf(from) ?? 0,
    to: minutesOf(to) ?? 0,
    leadMs: spanOf(lead, 0),
    before,
    after,
    ...(keep === undefined ? {} : { keep }),
  };
}

function actionOf(one: FileTimedAction): TimedAction {
  const { do: kind = 'start', days, at = '', name = 'timed', keep, stop = false, snapshot } = one;
  const when: ActionTime = momentOf(at) ?? { days: daysOf(days), minutes: minutesOf(at) ?? 0 };
  if (kind === 'snapshot') return { ...when, do: kind, name, ...(keep === undefined ? {} : { keep }) };
  if (kind === 'freeze') return { ...when, do: kind, stop, ...(snapshot === undefined ? {} : { snapshot }) };
  return { ...when, do: kind };
}

/**
 * Builds the schedule of a container.
 *
 * @param file - as the file has it, checked.
 * @returns the schedule.
 */
export function buildSchedule(file: FileSchedule): DesiredSchedule {
  const { timezone = 'UTC', term, holidays, classes, actions, grace, wave, pause, expires } = file;
  const { announce, onExpiry = 'stop', removeAfter } = file;
  return {
    zone: timezone,
    ...(term ? { term } : {}),
    holidays: (holidays ?? []).map(dayRangeOf),
    classes: (classes ?? []).map(classOf),
    actions: (actions ?? []).map(actionOf),
    graceMs: spanOf(grace, hourMs),
    ...(wave == null ? {} : { wave }),
    ...(pause == null ? {} : { pauseMs: spanOf(pause, 0) }),
    ...(expires == null
      ? {}
      : {
          expiry: {
            day: expires,
            announceMs: spanOf(announce, 7 * dayMs),
            onExpiry,
            removeAfterMs: spanOf(removeAfter, 7 * dayMs),
          },
        }),
  };
}
