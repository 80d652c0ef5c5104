/** What the engine reports while it works. Renderers are folds over this union; the engine never prints and never asks. */

import type { VerifyReport } from '../domain/converge.ts';
import type { Plan } from '../domain/plan.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import type { ActionResult, ApplyReport } from './report.ts';

export type EngineEvent =
  | { readonly type: 'run.start'; readonly command: string; readonly fleet?: string }
  | { readonly type: 'observe.start' }
  | { readonly type: 'observe.progress'; readonly done: number; readonly total: number }
  | {
      readonly type: 'observe.done';
      readonly containers: number;
      readonly requests: number;
      readonly ms: number;
    }
  | { readonly type: 'plan.ready'; readonly plan: Plan }
  | {
      readonly type: 'action.start';
      readonly id: string;
      readonly kind: string;
      readonly key: string;
      readonly vmid?: number;
      readonly node: string;
    }
  | { readonly type: 'action.vmid'; readonly id: string; readonly from: number; readonly to: number }
  | { readonly type: 'task.start'; readonly id: string; readonly upid: string }
  | { readonly type: 'task.log'; readonly id: string; readonly line: string }
  | { readonly type: 'task.progress'; readonly id: string; readonly percent: number }
  | {
      readonly type: 'action.done';
      readonly id: string;
      readonly result: ActionResult;
      readonly ms: number;
      readonly upid?: string;
      readonly message?: string;
    }
  | {
      readonly type: 'request';
      readonly method: string;
      readonly path: string;
      readonly status?: number;
      readonly ms: number;
      readonly error?: string;
    }
  | {
      readonly type: 'retry';
      readonly id?: string;
      readonly attempt: number;
      readonly inMs: number;
      readonly because: string;
    }
  | {
      readonly type: 'exec.output';
      readonly id: string;
      readonly vmid: number;
      readonly stream: 'stdout' | 'stderr';
      /** One of the two: base64 where it is no UTF-8. */
      readonly text?: string;
      readonly base64?: string;
    }
  | { readonly type: 'notice'; readonly diagnostic: Diagnostic }
  | { readonly type: 'cancel'; readonly stage: 'draining' | 'detached' }
  | { readonly type: 'verify.done'; readonly report: VerifyReport }
  | { readonly type: 'run.done'; readonly report?: ApplyReport };

/** Order and time are added by the engine's context. */
export type StampedEvent = EngineEvent & { readonly seq: number; readonly at: string };
export type EventSink = (event: StampedEvent) => void;
