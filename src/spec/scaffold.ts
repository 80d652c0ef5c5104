/** The first fleet file of a new user: small, valid, and with comments that show where to go from there. */
import { stringify } from 'yaml';

/** What `init` asked. */
export interface ScaffoldAnswers {
  /** Name of the fleet. */
  readonly fleet: string;
  /** Name of the first container. */
  readonly container: string;
  readonly node: string;
  /** Alias, file name or volume of a template. */
  readonly template: string;
  /** Storage of the root disk. */
  readonly storage: string;
  readonly bridge: string;
  /** Default 8GiB. */
  readonly rootfs?: string;
  /** Default 512MiB. */
  readonly memory?: string;
  /** Default dhcp. */
  readonly ip?: string;
  readonly gateway?: string;
  /** Default 100 to 999. */
  readonly vmids?: { readonly from: number; readonly to: number };
  /** Path or URL of the JSON Schema, for editors. */
  readonly schema?: string;
}

/** A scalar as YAML; quoted where it would be read as something else. */
const scalar = (value: string | number): string => stringify(value, { lineWidth: 0 }).trimEnd();

/**
 * Writes a first fleet file.
 *
 * @param answers - names and sizes.
 * @returns YAML with comments, ending with a newline.
 */
export function scaffoldFleet(answers: ScaffoldAnswers): string {
  const { vmids = { from: 100, to: 999 } } = answers;
  const lines = [
    answers.schema === undefined ? undefined : `# yaml-language-server: $schema=${answers.schema}`,
    '# A fleet of containers. What is left out is not managed, null means "must be unset".',
    '# Check it with `pvefleet validate -f FILE`, look ahead with `pvefleet plan -f FILE`, then `pvefleet apply -f FILE`.',
    'version: 1',
    `fleet: ${scalar(answers.fleet)}`,
    '',
    '# New containers get the first free id of this range.',
    'vmids:',
    `  from: ${vmids.from}`,
    `  to: ${vmids.to}`,
    '',
    '# For all containers that do not say otherwise.',
    'defaults:',
    `  node: ${scalar(answers.node)}`,
    `  template: ${scalar(answers.template)}`,
    `  memory: ${scalar(answers.memory ?? '512MiB')}`,
    '  swap: 0MiB',
    '  rootfs:',
    `    storage: ${scalar(answers.storage)}`,
    `    size: ${scalar(answers.rootfs ?? '8GiB')}`,
    '',
    'containers:',
    `  ${scalar(answers.container)}:`,
    '    cores: 1',
    '    nets:',
    '      eth0:',
    `        bridge: ${scalar(answers.bridge)}`,
    `        ip: ${scalar(answers.ip ?? 'dhcp')}`,
    answers.gateway === undefined ? undefined : `        gateway: ${scalar(answers.gateway)}`,
    '    features:',
    '      nesting: true # newer systemd versions need it',
    '    onboot: true',
    "    # tags: [web]                        # beside the tag 'pvefleet', which marks what is managed",
    '    # mounts:',
    `    #   /srv/data: { storage: ${answers.storage}, size: 20GiB, backup: true }`,
    `    # password: \${env:ROOT_PASSWORD}      # a reference; used once, when the container is created`,
    '',
    '# Several of a kind, numbered web-1, web-2, web-3:',
    '#  web-{n}:',
    '#    count: 3',
    '#    blueprint: web                     # from templates/blueprints, or your own under `blueprints:`',
    `#    nets: { eth0: { bridge: ${answers.bridge}, ip: '10.0.0.{10+n}/24', gateway: 10.0.0.1 } }`,
  ];
  return `${lines.filter((line) => line !== undefined).join('\n')}\n`;
}
