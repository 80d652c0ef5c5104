/**
 * The archive that a container is made from: what `templates.lock` pins, an own template of the fleet file, or what the
 * name means on this cluster. Archives on a storage are known by their names alone; only the server sees their content,
 * and it verifies what it fetches.
 */
import type { ClusterSnapshot } from './actual.ts';
import {
  resolveTemplate,
  type TemplateChoice,
  type TemplatePlace,
  type TemplateSources,
  templateStorages,
} from './appliance.ts';
import type { DesiredContainer, DesiredFleet } from './desired.ts';
import { type LockedTemplate, lockEntryOf, type TemplateSource } from './template-source.ts';

/** The part of a fleet that decides about templates. */
export type TemplateRules = Pick<DesiredFleet, 'aliases' | 'sources' | 'lock'>;

/** The part of a container that decides about its template. */
export type TemplateUser = Pick<
  DesiredContainer,
  'template' | 'templateName' | 'templateStorage' | 'node' | 'options'
>;

/** What is looked through; the version tells what the server can do. */
export type TemplateStock = TemplateSources & Pick<ClusterSnapshot, 'version'>;

const firstOciVersion = [9, 1] as const;

/**
 * The key of a container's template in the lock file.
 *
 * @returns the name as the fleet file writes it, with the architecture where the container has one of its own; undefined
 *   for a volume, which is exact already.
 */
export function lockKeyOf({ template, templateName = template, options }: TemplateUser): string | undefined {
  if (template.includes(':')) return undefined;
  return options.arch === undefined ? templateName : `${templateName}/${options.arch}`;
}

/** Where a container's template is needed. */
export function templatePlace({ node, templateStorage, options }: TemplateUser): TemplatePlace {
  return {
    node,
    ...(templateStorage === undefined ? {} : { storage: templateStorage }),
    ...(options.arch === undefined ? {} : { architecture: options.arch }),
  };
}

function missing(code: string, message: string, hint: string): TemplateChoice {
  return { kind: 'missing', diagnostic: { severity: 'error', code, message, hint } };
}

const upgradeHint = (key: string): string =>
  `see what there is and move it: pvefleet template upgrade -f FILE ${key}`;

function speaksOci(version: string | undefined): boolean {
  if (version === undefined) return true; // not known: the server will tell
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [needMajor, needMinor] = firstOciVersion;
  return major > needMajor || (major === needMajor && minor >= needMinor);
}

/** Why an own template cannot be fetched. */
function ownObstacle(file: string, from: TemplateSource, stock: TemplateStock): TemplateChoice | undefined {
  if (from.kind === 'oci' && !speaksOci(stock.version))
    return missing(
      'TEMPLATE_OCI_UNSUPPORTED',
      `${from.reference} is an image of a registry, and Proxmox VE ${stock.version} cannot pull those`,
      `it takes ${firstOciVersion.join('.')} or newer; upload an archive named ${file} instead`,
    );
  if (from.kind === 'file' && from.local && 'problem' in from.local)
    return missing(
      'TEMPLATE_FILE_UNREADABLE',
      `the template ${from.path} cannot be uploaded: ${from.local.problem}`,
      'its path starts at the folder of the fleet file',
    );
  return undefined;
}

function chooseOwn(
  file: string,
  from: TemplateSource,
  place: TemplatePlace,
  stock: TemplateStock,
): TemplateChoice {
  const { architecture: _any, ...anywhere } = place;
  const stored = resolveTemplate(file, anywhere, { ...stock, catalogue: [] });
  if (stored.kind === 'stored') return stored;
  const obstacle = ownObstacle(file, from, stock);
  if (obstacle) return obstacle;
  const { node } = place;
  const storage = place.storage ?? templateStorages(node, stock.storages)[0]?.storage;
  if (storage === undefined)
    return missing(
      'TEMPLATE_STORAGE_MISSING',
      `no storage of ${node} takes templates`,
      'allow the content type vztmpl on one of its storages',
    );
  return { kind: 'download', volid: `${storage}:vztmpl/${file}`, node, storage, template: file, from };
}

function chooseLocked(
  key: string,
  lock: LockedTemplate,
  place: TemplatePlace,
  stock: TemplateStock,
): TemplateChoice {
  const { architecture: _any, ...anywhere } = place;
  const offered = stock.catalogue.filter(({ template }) => template === lock.file);
  const choice = resolveTemplate(lock.file, anywhere, { ...stock, catalogue: offered });
  const [entry] = offered;
  if (choice.kind === 'download' && entry?.sha512 !== undefined && lock.sha512 !== undefined)
    if (entry.sha512.toLowerCase() !== lock.sha512.toLowerCase())
      return missing(
        'TEMPLATE_LOCK_CHANGED',
        `the catalogue has another ${lock.file} than templates.lock: its checksum differs`,
        `find out why before trusting it; to take the new one: pvefleet template upgrade -f FILE ${key}`,
      );
  if (choice.kind !== 'missing' || choice.diagnostic.code !== 'TEMPLATE_NOT_FOUND') return choice;
  return missing(
    'TEMPLATE_LOCK_GONE',
    `templates.lock pins ${key} to ${lock.file}, which is on no storage in reach and no longer in the catalogue`,
    upgradeHint(key),
  );
}

/** Whether the fleet file describes another archive than the one that was pinned. */
function differs(lock: LockedTemplate, now: LockedTemplate): boolean {
  if (lock.file !== now.file || lock.source !== now.source) return true;
  return lock.sha512 !== undefined && now.sha512 !== undefined && lock.sha512 !== now.sha512;
}

/**
 * Chooses the archive of a container.
 *
 * @param rules - aliases, own templates and lock of the fleet.
 * @param user - the container.
 * @param stock - storages, their archives, the catalogue (empty: nothing can be downloaded from it).
 * @returns the stored archive, what to fetch, or a finding.
 */
export function chooseTemplate(
  rules: TemplateRules,
  user: TemplateUser,
  stock: TemplateStock,
): TemplateChoice {
  const { template } = user;
  const place = templatePlace(user);
  const key = lockKeyOf(user);
  const lock = key !== undefined && Object.hasOwn(rules.lock ?? {}, key) ? rules.lock?.[key] : undefined;
  const own = Object.hasOwn(rules.sources ?? {}, template) ? rules.sources?.[template] : undefined;
  if (key !== undefined && lock) {
    const now = own ? lockEntryOf(template, own) : { file: lock.file, source: 'catalogue' };
    if (differs(lock, now))
      return missing(
        'TEMPLATE_LOCK_DIFFERS',
        `${key} is not what templates.lock pins: that is ${lock.file} from ${lock.source}`,
        upgradeHint(key),
      );
    if (!own) return chooseLocked(key, lock, place, stock);
  }
  return own
    ? chooseOwn(template, own, place, stock)
    : resolveTemplate(template, place, stock, rules.aliases);
}
