/** What a request does, in words, for messages. Knows paths, but neither values nor meanings beyond them. */
import type { HttpMethod } from '../schema/types.ts';

type Values = Readonly<Record<string, unknown>>;

const ct = '/nodes/{node}/lxc/{vmid}';
const where = 'CT {vmid} on {node}';

/** `METHOD template` → verb and object; `{name}` is replaced by the parameter. */
const phrases: Readonly<Record<string, string>> = {
  'POST /access/ticket': 'log in as {username}',
  'POST /nodes/{node}/lxc': 'create CT {vmid} on {node}',
  [`DELETE ${ct}`]: `delete ${where}`,
  [`GET ${ct}/config`]: `read ${where}`,
  [`GET ${ct}/pending`]: `read ${where}`,
  [`PUT ${ct}/config`]: `change ${where}`,
  [`PUT ${ct}/resize`]: `resize {disk} of ${where}`,
  [`POST ${ct}/move_volume`]: `move {volume} of ${where}`,
  [`POST ${ct}/clone`]: `clone ${where}`,
  [`POST ${ct}/template`]: `turn into a template ${where}`,
  [`POST ${ct}/migrate`]: `migrate ${where}`,
  [`POST ${ct}/status/start`]: `start ${where}`,
  [`POST ${ct}/status/stop`]: `stop ${where}`,
  [`POST ${ct}/status/shutdown`]: `shut down ${where}`,
  [`POST ${ct}/status/reboot`]: `reboot ${where}`,
  [`POST ${ct}/termproxy`]: `open the console of ${where}`,
  [`GET ${ct}/vncwebsocket`]: `open the console of ${where}`,
  [`GET ${ct}/status/current`]: `read the state of ${where}`,
  [`POST ${ct}/snapshot`]: `take snapshot {snapname} of ${where}`,
  [`DELETE ${ct}/snapshot/{snapname}`]: `delete snapshot {snapname} of ${where}`,
  [`POST ${ct}/snapshot/{snapname}/rollback`]: `roll back to snapshot {snapname} ${where}`,
  'POST /nodes/{node}/aplinfo': 'download {template} to {storage} on {node}',
  'POST /nodes/{node}/storage/{storage}/download-url': 'download {filename} to {storage} on {node}',
  'POST /nodes/{node}/storage/{storage}/upload': 'upload {filename} to {storage} on {node}',
  'POST /nodes/{node}/storage/{storage}/oci-registry-pull': 'pull {reference} to {storage} on {node}',
  'DELETE /nodes/{node}/storage/{storage}/content/{volume}': 'delete {volume} on {node}',
  'GET /nodes/{node}/tasks/{upid}/status': 'read the state of task {upid}',
  'GET /nodes/{node}/tasks/{upid}/log': 'read the log of task {upid}',
  'DELETE /nodes/{node}/tasks/{upid}': 'stop task {upid}',
};

const verbs: Readonly<Record<HttpMethod, string>> = {
  GET: 'read',
  POST: 'post to',
  PUT: 'change',
  DELETE: 'delete',
};

function fillPhrase(phrase: string, values: Values): string | undefined {
  let complete = true;
  const text = phrase.replaceAll(/\{([^}]+)\}/g, (_, name: string) => {
    const value = values[name];
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    complete = false;
    return '';
  });
  return complete ? text : undefined;
}

/**
 * Says what a request is to do.
 *
 * @param method - HTTP verb.
 * @param template - path template.
 * @param path - the same path, filled in.
 * @param params - all parameters.
 * @returns verb and object, for example `create CT 101 on pve1` or `read /nodes/pve1/lxc`.
 */
export function describeRequest(method: HttpMethod, template: string, path: string, params: Values): string {
  const phrase = phrases[`${method} ${template}`];
  const filled = phrase === undefined ? undefined : fillPhrase(phrase, params);
  return filled ?? `${verbs[method]} ${decodeURIComponent(path)}`;
}

/** Task type → verb; `{id}` is what the task works on. */
const taskPhrases: Readonly<Record<string, string>> = {
  vzcreate: 'create CT {id}',
  vzrestore: 'restore CT {id}',
  vzdestroy: 'delete CT {id}',
  vzstart: 'start CT {id}',
  vzstop: 'stop CT {id}',
  vzshutdown: 'shut down CT {id}',
  vzreboot: 'reboot CT {id}',
  vzsnapshot: 'take a snapshot of CT {id}',
  vzdelsnapshot: 'delete a snapshot of CT {id}',
  vzrollback: 'roll back CT {id}',
  vzclone: 'clone CT {id}',
  vztemplate: 'turn CT {id} into a template',
  vzmigrate: 'migrate CT {id}',
  vncproxy: 'serve a console of CT {id}',
  resize: 'resize a disk of CT {id}',
  move_volume: 'move a volume of CT {id}',
  vzdump: 'back up {id}',
  download: 'download {id}',
  ociregistrypull: 'pull {id}',
  imgdel: 'delete {id}',
};

/**
 * Says what a task is to do.
 *
 * @param task - type, id and node, as in its UPID.
 * @returns verb and object, for example `create CT 101 on pve1`.
 */
export function describeTask(task: {
  readonly type: string;
  readonly id: string;
  readonly node: string;
}): string {
  const phrase = task.id === '' ? undefined : taskPhrases[task.type];
  return `${phrase?.replace('{id}', task.id) ?? `carry out task ${task.type}`} on ${task.node}`;
}
