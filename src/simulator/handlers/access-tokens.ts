/** API tokens (transport-auth §7; PVE::API2::User). The secret is shown once, when it is made. */
import { die, type HandlerContext, type HandlerTable, paramError } from '../context.ts';
import { randomUuid } from '../model/random.ts';
import type { SimToken, SimUser } from '../model/state.ts';
import { splitServerList } from '../validate/formats.ts';
import { needUser, tokenInfo } from './access-users.ts';

function needToken(context: HandlerContext, user: SimUser): SimToken {
  const tokenid = context.text('tokenid') as string;
  const token = Object.hasOwn(user.tokens, tokenid) ? user.tokens[tokenid] : undefined;
  return token ?? die(`no such token '${tokenid}' for user '${user.userid}'`);
}

/** Parameters as they came: a form's numbers stay text in the echo. */
function echo(context: HandlerContext, names: readonly string[]): Record<string, unknown> {
  const given = names.filter((name) => context.params[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, context.params[name]]));
}

function listTokens(context: HandlerContext): unknown {
  return Object.values(needUser(context).tokens).map((token) => ({
    tokenid: token.tokenid,
    ...tokenInfo(token),
  }));
}

function generateToken(context: HandlerContext): unknown {
  const user = needUser(context);
  const tokenid = context.text('tokenid') as string;
  if (Object.hasOwn(user.tokens, tokenid)) paramError({ tokenid: 'Token already exists.' });
  const comment = context.text('comment');
  const token: SimToken = {
    tokenid,
    secret: randomUuid(context.state),
    privsep: context.flag('privsep') ?? true,
    expire: context.number('expire') ?? 0,
    ...(comment === undefined ? {} : { comment }),
  };
  user.tokens[tokenid] = token;
  return {
    'full-tokenid': `${user.userid}!${tokenid}`,
    info: { privsep: 1, ...echo(context, ['comment', 'expire', 'privsep']) },
    value: token.secret,
  };
}

function updateToken(context: HandlerContext): unknown {
  const user = needUser(context);
  const token = needToken(context, user);
  const removed = splitServerList(context.text('delete') ?? '');
  if (removed.includes('comment')) delete token.comment;
  if (removed.includes('expire')) token.expire = 0;
  const comment = context.text('comment');
  if (comment !== undefined) token.comment = comment;
  token.expire = context.number('expire') ?? token.expire;
  token.privsep = context.flag('privsep') ?? token.privsep;
  const info = { ...tokenInfo(token), ...echo(context, ['comment', 'expire', 'privsep']) };
  if (context.flag('regenerate') !== true) return info;
  token.secret = randomUuid(context.state);
  return { ...info, 'full-tokenid': `${user.userid}!${token.tokenid}`, value: token.secret };
}

function removeToken(context: HandlerContext): unknown {
  const { state } = context;
  const user = needUser(context);
  const { tokenid } = needToken(context, user);
  delete user.tokens[tokenid];
  state.acls = state.acls.filter(
    ({ type, ugid }) => !(type === 'token' && ugid === `${user.userid}!${tokenid}`),
  );
  return null;
}

export const tokenHandlers: HandlerTable = {
  'GET /access/users/{userid}/token': listTokens,
  'GET /access/users/{userid}/token/{tokenid}': (context) => tokenInfo(needToken(context, needUser(context))),
  'POST /access/users/{userid}/token/{tokenid}': generateToken,
  'PUT /access/users/{userid}/token/{tokenid}': updateToken,
  'DELETE /access/users/{userid}/token/{tokenid}': removeToken,
};
