/**
 * Every rule that the contract has for consoles, one line each: lxc-endpoints §G (G, by item; GC is its paragraph about the
 * command) and transport-auth §11 (T). The tables of both sides must have a row for each of their own, or the types say so.
 */

/** Rules that the server keeps and that the client relies on. */
const shared = {
  'G1 answer':
    'termproxy answers with user, ticket PVEVNC:HEX::…, a port of 5900–5999 (text or number) and upid',
  'G1 node': 'it runs on the node that the connection reached, whichever node the container is on',
  'G1 running': 'it does not look whether the container runs',
  'G1 right': 'it takes VM.Console',
  'G2 socket': 'then GET vncwebsocket with port and percent-encoded ticket, on the same host',
  'G3 login': 'first message: USER:TICKET and a newline, USER of the answer (user@realm or user@realm!token)',
  'G3 ok': 'the answer to it is the bytes OK; what follows is output',
  'G3 check': 'a ticket that is not good ends the connection without a word',
  'G4 input': '0:LEN:DATA types; LEN counts bytes of UTF-8',
  'G4 size': '1:COLS:ROWS: is the size',
  'G4 alive': '2 is a sign of life, which is answered with nothing; every 30 s',
  'G4 output': 'the server sends raw bytes, cut anywhere',
  'G5 end': 'when the command ends the connection is dropped, without a close frame (1006)',
  'GC tokens': 'API tokens can be used from 9.1 on',
  'T credentials': 'the handshake is authenticated by cookie or token header',
  'T handshake': 'Upgrade: websocket, Connection: Upgrade, version 13, a key',
  'T protocol': 'Sec-WebSocket-Protocol is echoed as it came, a list as a list',
  'T compression': 'there is no permessage-deflate',
  'T server frames': 'frames of the server are whole, binary and unmasked',
  'T client frames': 'frames of the client are masked, whole, without RSV bits',
  'T longest': 'they hold 128 KiB at most',
  'T opcodes': 'text and binary frames are data',
  'T ping': 'a ping is answered with a pong of the same data',
  'T close': 'a close frame drops the connection; no close frame comes back',
  'T one node': 'ticket, port and listener exist only on the node that gave them',
} as const;

/** Rules that only the server can break. */
const serverOnly = {
  'G1 task': 'its task is of type vncproxy, with the id of the container',
  'G1 vncproxy':
    'vncproxy adds cert, and with websocket=1 a password of 8 printable characters, also in the ticket',
  'G1 ticket age': 'a ticket is good from 20 s before its time to 40 s after it',
  'G1 ticket of user': 'it is bound to the user',
  'G1 ticket of container': 'it is bound to the container',
  'G1 ticket of port': 'it is bound to the port, from 9.1 on',
  'G2 in time': 'the connection is waited for 10 s',
  'G3 in time': 'the login is waited for 10 s',
  'G4 first size': 'the terminal is 80 × 20 at first, TERM is xterm-256color',
  'GC dtach': 'the command is dtach -A /var/run/dtach/vzctlconsoleID -r winch -z CMD',
  'GC remote': 'with ssh in front for a container of another node',
  'GC shared': 'viewers of one container share the session',
  'GC tty': 'cmode tty: lxc-console -n ID -e -1, a login prompt',
  'GC console': 'cmode console: lxc-console -n ID -t 0 -e -1, /dev/console',
  'GC shell': 'cmode shell: lxc-attach --clear-env -n ID, a root shell',
  'GC active': 'the active config decides; a change while it runs waits for a restart',
  'GC old': 'a session that is still there keeps its old command',
  'GC setting': 'changing cmode takes VM.Config.Options',
  'T version': "another version: 500 unsupported websocket-version 'x'",
  'T key': 'no key: 500 missing websocket-key',
  'T plain': 'without Upgrade the call answers {"data":{"port":…}}',
} as const;

/** Name of a rule that the client's side must keep. */
export type ClientRule = keyof typeof shared;
/** Name of a rule that the server's side must keep. */
export type ServerRule = ClientRule | keyof typeof serverOnly;

/**
 * Gives the rows of a table with their texts.
 *
 * @param table - what checks each rule.
 */
export function rowsOf<Rule extends ServerRule, Check>(
  table: Readonly<Record<Rule, Check>>,
): [rule: Rule, text: string, check: Check][] {
  const texts: Readonly<Record<ServerRule, string>> = { ...shared, ...serverOnly };
  return (Object.entries(table) as [Rule, Check][]).map(([rule, check]) => [rule, texts[rule], check]);
}
