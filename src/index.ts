/** The library: the typed client, the fleet file, plans and the engine that carries them out. */
export { createPveClient } from './api/client.ts';
export { expectTask } from './api/tasks.ts';
export type {
  Call,
  CallArgs,
  ClientOptions,
  Params,
  PathsWith,
  PinnedServer,
  PveClient,
  RequestOptions,
  RequestReport,
  RetryReport,
  Returns,
  TaskOutcome,
  TicketCredentials,
  TokenAuth,
  Trust,
  WaitTaskOptions,
} from './api/types.ts';
export type { ConsoleChannel, ConsoleEnd, OpenConsoleOptions } from './console/channel.ts';
export { openConsole } from './console/open-console.ts';
export type { ActualContainer, ClusterSnapshot, GuestSummary } from './domain/actual.ts';
export type { Finding, VerifyReport } from './domain/converge.ts';
export type * from './domain/desired.ts';
export type { Action, Effect, FieldChange, Plan, Policy, Refusal } from './domain/plan.ts';
export { planFleet } from './domain/plan-fleet.ts';
export type * from './domain/template-source.ts';
export { applyPlan } from './engine/apply.ts';
export { type ContextOptions, createContext, type EngineContext, type Limits } from './engine/context.ts';
export type { EngineEvent, EventSink, StampedEvent } from './engine/events.ts';
export { observe } from './engine/observe.ts';
export { makeDestroyPlan, makePlan } from './engine/plan.ts';
export type { ActionReport, ApplyReport } from './engine/report.ts';
export { verify } from './engine/verify.ts';
export type { PveApi, PveBoolean, PveNumber } from './schema/generated/api.gen.ts';
export type { ApiRequest } from './schema/request.ts';
export { loadFleet } from './spec/load.ts';
export { type Clock, systemClock } from './util/clock.ts';
export { type ErrorDocument, isPvefleetError, PvefleetError } from './util/errors.ts';
