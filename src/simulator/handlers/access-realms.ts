/** Authentication realms: listing and keeping their settings. Nothing but `pam` and `pve` can be logged in to. */
import { die, type HandlerContext, type HandlerTable } from '../context.ts';
import type { SimRealm } from '../model/state.ts';
import { splitServerList } from '../validate/formats.ts';

function needRealm(context: HandlerContext): SimRealm {
  const realm = context.text('realm') as string;
  const found = Object.hasOwn(context.state.realms, realm) ? context.state.realms[realm] : undefined;
  return found ?? die(`domain '${realm}' does not exist`);
}

/** Parameters that are settings: everything but the name and what steers the call. */
function settings(context: HandlerContext): Record<string, string> {
  const steering = new Set(['realm', 'type', 'comment', 'default', 'delete', 'digest', 'check-connection']);
  const given = Object.keys(context.params).filter((name) => !steering.has(name));
  return Object.fromEntries(given.map((name) => [name, context.text(name) ?? '']));
}

function makeDefault(context: HandlerContext, realm: SimRealm): void {
  if (context.flag('default') !== true) return;
  for (const other of Object.values(context.state.realms)) delete other.default;
  realm.default = true;
}

function list(context: HandlerContext): unknown {
  return Object.entries(context.state.realms)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([realm, { type, comment, default: isDefault }]) => ({
      realm,
      type,
      ...(comment === undefined ? {} : { comment }),
      ...(isDefault ? { default: 1 } : {}),
    }));
}

function read(context: HandlerContext): unknown {
  const { type, comment, default: isDefault, options } = needRealm(context);
  return {
    type,
    ...options,
    ...(comment === undefined ? {} : { comment }),
    ...(isDefault ? { default: 1 } : {}),
  };
}

function create(context: HandlerContext): unknown {
  const { realms } = context.state;
  const name = context.text('realm') as string;
  const type = context.text('type') as string;
  const comment = context.text('comment');
  if (Object.hasOwn(realms, name)) die(`add auth server failed: domain '${name}' already exists`);
  if (type === 'pam' || type === 'pve') {
    die(`add auth server failed: unable to create builtin type '${type}'`);
  }
  const realm: SimRealm = { type, options: settings(context), ...(comment === undefined ? {} : { comment }) };
  makeDefault(context, realm);
  realms[name] = realm;
  return null;
}

function update(context: HandlerContext): unknown {
  const realm = needRealm(context);
  const options = { ...realm.options, ...settings(context) };
  for (const key of splitServerList(context.text('delete') ?? '')) {
    if (key === 'comment') delete realm.comment;
    else if (key === 'default') delete realm.default;
    else delete options[key];
  }
  realm.options = options;
  const comment = context.text('comment');
  if (comment !== undefined) realm.comment = comment;
  makeDefault(context, realm);
  return null;
}

function remove(context: HandlerContext): unknown {
  const { type } = needRealm(context);
  if (type === 'pam' || type === 'pve') {
    die(`delete auth server failed: unable to delete builtin type '${type}'`);
  }
  delete context.state.realms[context.text('realm') as string];
  return null;
}

export const realmHandlers: HandlerTable = {
  'GET /access/domains': list,
  'POST /access/domains': create,
  'GET /access/domains/{realm}': read,
  'PUT /access/domains/{realm}': update,
  'DELETE /access/domains/{realm}': remove,
};
