/** Rows of the command tree: fleets. Static text only; each command is imported when it runs. */
import {
  failFastRow,
  fileRow,
  type OptionRow,
  permissionRows,
  resetRows,
  scopeRows,
  selectionRows,
  snapshotFirstRow,
  waveRows,
} from '../options.ts';
import { credentialsRow } from './common.ts';
import type { CommandGroup } from './row.ts';

const planRows: readonly OptionRow[] = [...permissionRows, ...scopeRows];

/** Fleets, as the help shows them. */
export const fleetsGroup: CommandGroup = [
  'Fleets:',
  [
    {
      name: 'validate',
      text: 'check a fleet file, offline',
      options: [fileRow],
      load: () => import('../commands/validate.ts'),
    },
    {
      name: 'plan',
      text: 'show what apply would do; changes nothing',
      options: [
        fileRow,
        { flags: '--save <file>', text: 'write the plan, for apply --plan' },
        { flags: '--detailed-exitcode', text: 'exit 7 when there are changes', shared: true },
        ...planRows,
        snapshotFirstRow,
      ],
      reports: true,
      load: () => import('../commands/plan.ts'),
    },
    {
      name: 'apply',
      text: 'plan, confirm, carry out, verify',
      options: [
        fileRow,
        { flags: '--plan <file>', text: 'carry out a saved plan' },
        {
          flags: '--skip-stale',
          text: 'with --plan: go on without containers that changed since (exit 6)',
        },
        credentialsRow,
        ...planRows,
        snapshotFirstRow,
        failFastRow,
      ],
      reports: true,
      load: () => import('../commands/apply.ts'),
    },
    {
      name: 'verify',
      text: 'compare the cluster with the file; exit 7 on drift',
      options: [fileRow, ...scopeRows],
      reports: true,
      load: () => import('../commands/verify.ts'),
    },
    {
      name: 'reset',
      operands: '[names...]',
      text: 'set containers back to their baseline; with -f the file is applied on top',
      options: [
        fileRow,
        ...selectionRows,
        ...resetRows,
        ...waveRows,
        {
          flags: '--detailed-exitcode',
          text: 'with --dry-run: exit 7 when there are changes',
          shared: true,
        },
        ...planRows,
        failFastRow,
      ],
      load: () => import('../commands/reset.ts'),
    },
    {
      name: 'tick',
      text: 'do what schedules, boosts and expiries have for now; for cron, silent when that is nothing',
      options: [
        { ...fileRow, text: 'fleet file with schedules; without it only boosts end' },
        { flags: '--at <time>', text: 'as if it were then, for example 2026-11-23T08:00' },
        { flags: '--dry-run', text: 'show what would be done' },
        {
          flags: '--detailed-exitcode',
          text: 'with --dry-run: exit 7 when something is due',
          shared: true,
        },
        ...waveRows,
        failFastRow,
      ],
      load: () => import('../commands/tick.ts'),
    },
    {
      name: 'destroy',
      text: 'remove what the fleet owns',
      options: [fileRow, ...planRows, failFastRow],
      load: () => import('../commands/destroy.ts'),
    },
  ],
];
