/** Rows of the command tree: tools. Static text only; each command is imported when it runs. */
import { decimal, integer, secretRow } from '../options.ts';
import type { CommandGroup } from './row.ts';

/** Tools, as the help shows them. */
export const toolsGroup: CommandGroup = [
  'Tools:',
  [
    {
      name: 'api',
      operands: '<method> <path> [parameters...]',
      text: 'any call of the API: api GET /nodes, api PUT /nodes/pve1/lxc/101/config memory=2048',
      options: [secretRow, { flags: '--wait', text: 'wait for the task that the call starts' }],
      load: () => import('../commands/api.ts'),
    },
    {
      name: 'api explain',
      operands: '<path>',
      text: 'parameters, limits and permissions of a path; offline',
      load: () => import('../commands/api-explain.ts'),
    },
    { name: 'sim', text: 'the simulated cluster' },
    {
      name: 'sim serve',
      text: 'serve it over HTTPS until interrupted',
      options: [
        { flags: '--port <port>', text: 'port; 0 takes a free one (default 0)', parse: integer(0, 65_535) },
        { flags: '--host <address>', text: 'address to listen on (default 127.0.0.1)' },
        { flags: '--seed <seed>', text: 'small, cluster, reference or a file (default cluster)' },
        { flags: '--latency <ms>', text: 'delay of every answer', parse: integer(0, 60_000) },
        { flags: '--state <file>', text: 'load the state from there, and keep it there' },
        { flags: '--faults <file>', text: 'what goes wrong, and when; see the README' },
        { flags: '--journal <file>', text: 'write each request there, one JSON per line' },
        { flags: '--speed <n>', text: 'how many times faster its clock runs', parse: decimal(0.001) },
        { flags: '--http', text: 'plain HTTP; loopback only' },
        {
          flags: '--console-shell',
          text: 'consoles run a real shell of this machine, as you; loopback only',
        },
      ],
      load: () => import('../commands/sim-serve.ts'),
    },
    {
      name: 'sim export',
      text: 'write the state of a live cluster as a seed for sim serve; reads only, no secrets',
      options: [{ flags: '--output-file <file>', text: 'where to write it (default stdout)' }],
      load: () => import('../commands/sim-export.ts'),
    },
    {
      name: 'schema',
      operands: '[name]',
      text: 'print a JSON Schema: fleet, plan, output',
      load: () => import('../commands/schema.ts'),
    },
    {
      name: 'completion',
      operands: '<shell>',
      text: 'print the completion script of bash, zsh or fish',
      load: () => import('../commands/completion.ts'),
    },
  ],
];
