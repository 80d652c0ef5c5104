/** Actions that bring an archive onto a storage: from the catalogue, a URL, a registry or this machine. */
import type { ApiRequest } from '../schema/request.ts';
import { downloadAction, downloadId, type Step } from './actions.ts';
import type { Action, ActionKind } from './plan.ts';
import { riskOfKind } from './risk.ts';
import type { TemplateSource } from './template-source.ts';

/** An archive, where it goes, and where it comes from. */
export interface TemplateFetch {
  readonly node: string;
  readonly storage: string;
  /** File name on the storage. */
  readonly template: string;
  /** Absent: the catalogue. */
  readonly from?: TemplateSource;
}

const storagePath = '/nodes/{node}/storage/{storage}';
const ociEnding = /\.tar$/;

function requestOf({ node, storage, template }: TemplateFetch, from: TemplateSource): ApiRequest {
  const place = { node, storage };
  if (from.kind === 'url') {
    const { url, checksum } = from;
    const sum = checksum ? { 'checksum-algorithm': checksum.algorithm, checksum: checksum.value } : {};
    const params = { ...place, content: 'vztmpl', filename: template, url, ...sum };
    return { method: 'POST', path: `${storagePath}/download-url`, params };
  }
  if (from.kind === 'oci') {
    // PVE: the server adds the ending
    const params = { ...place, reference: from.reference, filename: template.replace(ociEnding, '') };
    return { method: 'POST', path: `${storagePath}/oci-registry-pull`, params };
  }
  const { local, location } = from;
  const known = local && 'sha512' in local ? local : undefined;
  const sum = known ? { 'checksum-algorithm': 'sha512', checksum: known.sha512 } : {};
  return {
    method: 'POST',
    path: `${storagePath}/upload`,
    params: { ...place, content: 'vztmpl', ...sum, filename: template },
    upload: { path: location, ...(known ? { sizeBytes: known.sizeBytes } : {}) },
  };
}

/**
 * Fetches an archive.
 *
 * @param fetch - archive, place and source.
 * @param step - why.
 * @returns the action; its id is the same whatever the source.
 */
export function fetchAction(fetch: TemplateFetch, step: Step): Action {
  const { node, storage, template, from } = fetch;
  if (!from) return downloadAction(node, storage, template, step);
  const kind: ActionKind = from.kind === 'file' ? 'template.upload' : 'template.download';
  return {
    id: downloadId(node, storage, template),
    kind,
    target: { key: template, node },
    request: requestOf(fetch, from),
    completes: 'task',
    changes: step.changes ?? [],
    risk: riskOfKind(kind),
    reason: step.reason,
    precondition: { kind: 'none' },
    dependsOn: step.after ?? [],
  };
}

/** Tells whether an action brings an archive onto a storage. */
export const fetchesTemplate = ({ kind }: Pick<Action, 'kind'>): boolean =>
  kind === 'template.download' || kind === 'template.upload';

/**
 * The archive that a request brings onto a storage.
 *
 * @param request - of any action.
 * @returns its file name there, or undefined for other requests.
 */
export function fetchedFile({ path, params }: ApiRequest): string | undefined {
  const text = (name: string): string | undefined => {
    const value = params[name];
    return typeof value === 'string' ? value : undefined;
  };
  if (path === '/nodes/{node}/aplinfo') return text('template');
  if (path === `${storagePath}/oci-registry-pull`) {
    const name = text('filename');
    return name === undefined ? undefined : `${name}.tar`;
  }
  return [`${storagePath}/download-url`, `${storagePath}/upload`].includes(path)
    ? text('filename')
    : undefined;
}
