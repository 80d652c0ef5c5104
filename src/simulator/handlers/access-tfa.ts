/** Second factors: TOTP and recovery codes. The kinds that need a device (WebAuthn, U2F, Yubico) are not simulated. */
import { die, type HandlerContext, type HandlerTable, SimError } from '../context.ts';
import { nextRandom, randomUuid } from '../model/random.ts';
import type { SimUser } from '../model/state.ts';
import { isTotpCode } from '../model/tickets.ts';
import { confirmPassword } from './access-ticket.ts';
import { mayAudit, needUser } from './access-users.ts';

interface TfaRow {
  readonly id: string;
  readonly type: 'totp' | 'recovery';
  readonly description: string;
  readonly created: number;
  /** JSON booleans: these rows come from another part of the server (proxmox-tfa). */
  readonly enable: boolean;
}

function entriesOf(user: SimUser): TfaRow[] {
  const rows: TfaRow[] = [];
  if (user.totpSecret !== undefined) {
    const { id = 'totp', description = '', created = 0, enable = true } = user.totp ?? {};
    rows.push({ id, type: 'totp', description, created, enable });
  }
  if (user.recovery) {
    rows.push({
      id: 'recovery',
      type: 'recovery',
      description: '',
      created: user.recovery.created,
      enable: true,
    });
  }
  return rows;
}

function needEntry(context: HandlerContext, user: SimUser): TfaRow {
  const id = context.text('id');
  const found = entriesOf(user).find((row) => row.id === id);
  if (!found) throw new SimError(404, `No such tfa entry '${id}'`);
  return found;
}

function addTotp(context: HandlerContext, user: SimUser): unknown {
  const uri = context.text('totp') ?? die('missing otp uri');
  const secret = /[?&]secret=([A-Za-z2-7]+)/.exec(uri)?.[1] ?? die('failed to parse otp uri');
  const code = context.text('value') ?? die('missing totp value');
  if (!isTotpCode(secret, code, context.clock.now())) die('failed to verify TOTP challenge');
  const id = randomUuid(context.state);
  user.totpSecret = secret;
  user.totp = {
    id,
    description: context.text('description') ?? '',
    created: context.seconds(),
    enable: true,
  };
  return { id };
}

function addRecovery(context: HandlerContext, user: SimUser): unknown {
  if (user.recovery) die('user already has recovery keys');
  const digits = (): string =>
    Array.from({ length: 4 }, () => Math.floor(nextRandom(context.state) * 16).toString(16)).join('');
  const codes = Array.from({ length: 10 }, () => [digits(), digits(), digits(), digits()].join('-'));
  user.recovery = { created: context.seconds(), codes: codes.slice() };
  return { id: 'recovery', recovery: codes };
}

function addEntry(context: HandlerContext): unknown {
  const user = needUser(context);
  confirmPassword(context, 'password');
  const type = context.text('type') as string;
  if (type === 'totp') return addTotp(context, user);
  if (type === 'recovery') return addRecovery(context, user);
  throw new SimError(501, `second factors of type '${type}' are not simulated`);
}

function updateEntry(context: HandlerContext): unknown {
  const user = needUser(context);
  const entry = needEntry(context, user);
  confirmPassword(context, 'password');
  if (entry.type === 'totp') {
    user.totp = {
      id: entry.id,
      created: entry.created,
      description: context.text('description') ?? entry.description,
      enable: context.flag('enable') ?? entry.enable,
    };
  }
  return null;
}

function deleteEntry(context: HandlerContext): unknown {
  const user = needUser(context);
  const entry = needEntry(context, user);
  confirmPassword(context, 'password');
  if (entry.type === 'recovery') delete user.recovery;
  else {
    delete user.totpSecret;
    delete user.totp;
  }
  return null;
}

function listAll(context: HandlerContext): unknown {
  return Object.values(context.state.users)
    .filter((user) => mayAudit(context, user.userid) && entriesOf(user).length > 0)
    .map((user) => ({ userid: user.userid, entries: entriesOf(user) }));
}

export const tfaHandlers: HandlerTable = {
  'GET /access/tfa': listAll,
  'GET /access/tfa/{userid}': (context) => entriesOf(needUser(context)),
  'POST /access/tfa/{userid}': addEntry,
  'GET /access/tfa/{userid}/{id}': (context) => needEntry(context, needUser(context)),
  'PUT /access/tfa/{userid}/{id}': updateEntry,
  'DELETE /access/tfa/{userid}/{id}': deleteEntry,
  'GET /access/users/{userid}/tfa': (context) => {
    const types = entriesOf(needUser(context)).map(({ type }) => type);
    return context.flag('multiple') === true ? { types } : types.includes('totp') ? { user: 'oath' } : {};
  },
};
