/** Reads a fleet file with all that belongs to it: blueprints beside it or from the package, and the template aliases. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { DesiredFleet } from '../domain/desired.ts';
import { renderDiagnostics } from '../render/diagnostics.ts';
import { type CatalogAliases, parseCatalog } from '../spec/catalog.ts';
import { SpecError } from '../spec/errors.ts';
import { type LoadResult, loadFleet } from '../spec/load.ts';
import { hasErrors } from '../util/diagnostic.ts';
import { UsageError } from '../util/errors.ts';
import { fileReason } from '../util/file-error.ts';
import { assetPath, readInput } from './files.ts';
import { readLock } from './lock-file.ts';
import type { Options } from './options.ts';
import type { Runtime } from './runtime.ts';

/** A fleet file that is sound. */
export interface FleetFile {
  readonly fleet: DesiredFleet;
  /** As the user gave it; `-` for stdin. */
  readonly file: string;
}

/** Folders in which blueprints are looked for, nearest first. */
function blueprintFolders(fleetFolder: string): string[] {
  return [join(fleetFolder, 'blueprints'), fleetFolder, assetPath('templates/blueprints')];
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function findBlueprint(folders: readonly string[], name: string): { file: string; text: string } | undefined {
  // A name, not a path: a fleet file must not be able to have any file of the machine read and quoted.
  if (basename(name) !== name || name.startsWith('.')) return undefined;
  for (const folder of folders) {
    const file = join(folder, `${name}.yaml`);
    const text = readIfThere(file);
    if (text !== undefined) return { file, text };
  }
  return undefined;
}

function blueprintNames(folders: readonly string[]): string[] {
  return [folders[0], folders[2]].flatMap((folder) => {
    try {
      return readdirSync(folder ?? '')
        .filter((file) => file.endsWith('.yaml'))
        .map((file) => file.slice(0, -'.yaml'.length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}

function whyUnreadable(path: string): string | undefined {
  try {
    const info = statSync(path);
    return info.isFile() || info.isDirectory() ? undefined : 'it is neither a file nor a folder';
  } catch (error) {
    return fileReason(error);
  }
}

/**
 * Reads the aliases of templates that ship with the package.
 *
 * @returns alias → pattern of file names.
 */
export async function readAliases(): Promise<CatalogAliases> {
  const file = assetPath('templates/catalog.yaml');
  const text = await readFile(file, 'utf8');
  const { aliases, diagnostics } = parseCatalog(file, text);
  if (!aliases) throw new SpecError(diagnostics, new Map([[file, text]]));
  return aliases;
}

/**
 * Loads and checks a fleet file; findings are values.
 *
 * @param runtime - host and working directory.
 * @param options - `--file`.
 * @param looks.copies - whether what is to be copied into containers is looked for; a plan looks itself, at what it needs.
 * @returns the fleet where it is sound, and all findings.
 * @throws {@link UsageError} when no file is given or it cannot be read.
 */
export async function checkFleetFile(
  runtime: Runtime,
  options: Options,
  looks: { readonly copies?: boolean } = {},
): Promise<LoadResult & { readonly file: string }> {
  const { file } = options;
  if (file === undefined) {
    throw new UsageError('no fleet file was given', { hint: 'add -f FILE, or -f - to read it from stdin' });
  }
  const text = await readInput(runtime, file, 'fleet file');
  const folder = file === '-' ? runtime.host.cwd : dirname(runtime.path(file));
  const folders = blueprintFolders(folder);
  const result = loadFleet({
    file: file === '-' ? '<stdin>' : file,
    text,
    aliases: await readAliases(),
    readBlueprint: (name) => findBlueprint(folders, name),
    blueprintNames: blueprintNames(folders),
    readEnvironment: (name) => runtime.host.env[name],
    readRoster: (path) => {
      const roster = readIfThere(resolve(folder, path));
      return roster === undefined
        ? undefined
        : { file: isAbsolute(path) ? path : join(dirname(file), path), text: roster };
    },
    resolvePath: (path) => resolve(folder, path),
    ...(looks.copies ? { lookAt: whyUnreadable } : {}),
  });
  const locked = await readLock(runtime, file);
  return {
    ...result,
    ...(result.fleet && locked.lock ? { fleet: { ...result.fleet, lock: locked.lock } } : {}),
    diagnostics: [...result.diagnostics, ...locked.diagnostics],
    sources:
      locked.text === undefined ? result.sources : new Map([...result.sources, [locked.file, locked.text]]),
    file,
  };
}

/**
 * Loads a fleet file that must be sound. Warnings are shown.
 *
 * @param runtime - host, working directory and output.
 * @param options - `--file`.
 * @returns the fleet.
 * @throws SpecError (exit 3) with all findings.
 */
export async function readFleet(runtime: Runtime, options: Options): Promise<FleetFile> {
  const { fleet, diagnostics, sources, file } = await checkFleetFile(runtime, options);
  if (!fleet || hasErrors(diagnostics)) throw new SpecError(diagnostics, sources);
  const { output } = runtime;
  if (diagnostics.length > 0 && output.format === 'human')
    output.say(renderDiagnostics(diagnostics, sources, output.errorStyle));
  return { fleet, file };
}
