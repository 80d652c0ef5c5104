/** An account on a simulated cluster that keeps tags to others. */
import { makeEngine, type TestEngine } from './engine.ts';

/** An account that works on containers and may not give any tag, nor, without `audit`, know which are allowed. */
export function tagless(
  options: Readonly<Record<string, unknown>>,
  audit: boolean,
  { simulator, again }: TestEngine = makeEngine(),
): TestEngine {
  const { state } = simulator;
  Object.assign(state.options, options);
  const identity = 'automation@pve!fleet';
  state.roles['Operator'] = [
    ...['VM.Allocate', 'VM.Audit', 'VM.PowerMgmt', 'VM.Snapshot', 'SDN.Use'],
    ...['VM.Config.CPU', 'VM.Config.Disk', 'VM.Config.Memory', 'VM.Config.Network', 'VM.Config.Options'],
    ...['Datastore.Audit', 'Datastore.AllocateSpace', 'Datastore.AllocateTemplate'],
    ...(audit ? ['Sys.Audit'] : []),
  ];
  state.acls = (['user', 'token'] as const).map((type) => {
    const ugid = type === 'user' ? 'automation@pve' : identity;
    return { path: '/', type, ugid, roleid: 'Operator', propagate: true };
  });
  const secret = state.users['automation@pve']?.tokens['fleet']?.secret ?? '';
  return again({ auth: { kind: 'token', tokenId: identity, secret }, identity });
}
