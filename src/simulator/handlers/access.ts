/** Everything below `/access`: logging in, users, groups, tokens, roles, ACLs, second factors, realms. */
import type { HandlerTable } from '../context.ts';
import { realmHandlers } from './access-realms.ts';
import { rightsHandlers } from './access-rights.ts';
import { tfaHandlers } from './access-tfa.ts';
import { ticketHandlers } from './access-ticket.ts';
import { tokenHandlers } from './access-tokens.ts';
import { userHandlers } from './access-users.ts';

export const accessHandlers: HandlerTable = {
  ...ticketHandlers,
  ...userHandlers,
  ...tokenHandlers,
  ...rightsHandlers,
  ...tfaHandlers,
  ...realmHandlers,
};
