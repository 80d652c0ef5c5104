/** Hints for keys that the format does not know: near spellings, words of other tools, keys of another level. */
import { suggest } from '../util/suggest.ts';

/** Words of the API and of other tools, and where the same thing is written here. */
const synonyms: Readonly<Record<string, string>> = {
  cpu: "did you mean 'cores'?",
  cpus: "did you mean 'cores'?",
  disk: "did you mean 'rootfs: { storage: …, size: … }'?",
  gw: "did you mean 'gateway'?",
  gw6: "did you mean 'gateway6'?",
  host: "did you mean 'node'?",
  hwaddr: "did you mean 'mac'?",
  hagroup: 'groups became rules of the datacenter and are not set here',
  image: "did you mean 'template'?",
  'ha-managed': "did you mean 'ha: {}'?",
  keepattrs: "did you mean 'keepAttributes'?",
  link_down: "did you mean 'linkDown'?",
  mem: "did you mean 'memory'?",
  mountoptions: "did you mean 'options'?",
  mp: "the path is the key: 'mounts: { /data: { … } }'",
  network: "did you mean 'nets: { eth0: { … } }'?",
  networks: "did you mean 'nets'?",
  ostemplate: "did you mean 'template'?",
  ram: "did you mean 'memory'?",
  ro: "did you mean 'readOnly'?",
  size: "it belongs to 'rootfs' or to a mount",
  'ssh-public-keys': "did you mean 'sshKeys'?",
  state: "did you mean 'power'?",
  storage: "it belongs to 'rootfs' or to a mount: 'rootfs: { storage: … }'",
  tag: "did you mean 'vlan' (of an interface) or 'tags' (of a container)?",
  target: "did you mean 'node'?",
  '<<': 'merge keys are not supported: use a blueprint',
};
/** Columns that registrars' lists have, and what they are called in a roster. */
const columns: Readonly<Record<string, string>> = {
  class: "did you mean 'group'?",
  firstname: "write first and last name into one column 'name'",
  id: "did you mean 'login'?",
  klasse: "did you mean 'group'?",
  gruppe: "did you mean 'group'?",
  lastname: "write first and last name into one column 'name'",
  mail: "did you mean 'email'?",
  nachname: "write first and last name into one column 'name'",
  surname: "write first and last name into one column 'name'",
  user: "did you mean 'login'?",
  username: "did you mean 'login'?",
  vorname: "write first and last name into one column 'name'",
};
const families: readonly [pattern: RegExp, hint: string][] = [
  [/^net\d+$/, "interfaces go by their name inside: 'nets: { eth0: { … } }'"],
  [/^mp\d+$/, "mounts go by their path inside: 'mounts: { /data: { … } }'"],
  [/^dev\d+$/, "devices go by their path: 'devices: { /dev/fuse: { … } }'"],
];

/**
 * Finds out what an unknown key was meant to be.
 *
 * @param key - as written.
 * @param allowed - keys that may stand there.
 * @param entryOnly - keys that may stand in an entry but not here.
 * @returns a hint.
 */
export function unknownKeyHint(
  key: string,
  allowed: readonly string[],
  entryOnly: readonly string[],
): string {
  if (!allowed.includes(key) && entryOnly.includes(key)) return 'it belongs to the entry of a container';
  const near = suggest(key, allowed);
  const exact = near !== undefined && near.toLowerCase() === key.toLowerCase().replaceAll(/[-_ ]/g, '');
  if (exact) return `did you mean '${near}'?`;
  const isRow = allowed.includes('login');
  if (isRow && Object.hasOwn(columns, key.toLowerCase())) return columns[key.toLowerCase()] as string;
  const synonym = Object.hasOwn(synonyms, key.toLowerCase()) ? synonyms[key.toLowerCase()] : undefined;
  const family = families.find(([pattern]) => pattern.test(key))?.[1];
  if (synonym ?? family) return (synonym ?? family) as string;
  if (near === undefined && isRow)
    return 'known columns: name, login, group, email, number, and keys of a container such as memory or nets.eth0.ip';
  return near === undefined ? `known keys: ${allowed.toSorted().join(', ')}` : `did you mean '${near}'?`;
}
