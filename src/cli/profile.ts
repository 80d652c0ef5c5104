/** The file of connection profiles: where it is, who may read it, which profile is meant. */
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { ConnectionProfile, ConnectionProfiles } from '../spec/profile.ts';
import type { Diagnostic } from '../util/diagnostic.ts';
import { PvefleetError, UsageError } from '../util/errors.ts';
import { suggest } from '../util/suggest.ts';
import { readOptional } from './files.ts';
import type { Host } from './host.ts';
import type { Options } from './options.ts';

/** The file of connection profiles is wrong; carries all findings. */
class ProfileError extends PvefleetError {
  override readonly code = 'PROFILE_INVALID';
  override readonly exitCode = 2;
  readonly diagnostics: readonly Diagnostic[];
  /** Text by file name, for excerpts. */
  readonly sources: ReadonlyMap<string, string>;

  constructor(path: string, diagnostics: readonly Diagnostic[], sources: ReadonlyMap<string, string>) {
    super(`${path} is not valid`, { details: { diagnostics } });
    this.diagnostics = diagnostics;
    this.sources = sources;
  }
}

/** Where to look. */
export interface ProfileSearch {
  readonly options: Pick<Options, 'config'>;
  readonly host: Pick<Host, 'env' | 'cwd'>;
  /** Profile that was asked for; absent: the default one. */
  readonly name?: string;
  /** A file that was named need not exist: it is about to be written. */
  readonly mayBeMissing?: true;
}

/** The file as it is. */
export interface ProfileFile {
  readonly path: string;
  /** Absent: there is no file. */
  readonly text?: string;
  readonly profiles?: ConnectionProfiles;
}

/**
 * Finds the path of the profile file: `--config`, else `PVEFLEET_CONFIG`, else below the user's configuration folder.
 *
 * @param search - flags, environment, working directory.
 * @returns an absolute path.
 */
export function profilePath(search: ProfileSearch): string {
  const { env, cwd } = search.host;
  const given = search.options.config ?? env['PVEFLEET_CONFIG'];
  if (given) return resolve(cwd, given);
  // The XDG specification: a relative path is to be ignored.
  const xdg = env['XDG_CONFIG_HOME']?.startsWith('/') ? env['XDG_CONFIG_HOME'] : undefined;
  return join(xdg ?? join(env['HOME'] ?? cwd, '.config'), 'pvefleet', 'config.yaml');
}

/** Secrets in the file make it as private as an SSH key. */
async function checkMode(path: string): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0 || process.platform === 'win32') return;
  throw new UsageError(`others may read ${path}, which holds secrets`, {
    code: 'PROFILE_MODE',
    hint: `run: chmod 600 ${path}`,
  });
}

/**
 * Reads the profile file.
 *
 * @param search - where to look.
 * @returns path and profiles; no profiles when there is no file.
 * @throws {@link ProfileError} when it is wrong, {@link UsageError} when it holds secrets and others may read it.
 */
export async function readProfiles(search: ProfileSearch): Promise<ProfileFile> {
  const path = profilePath(search);
  const text = await readOptional(path);
  if (text === undefined) {
    const isNamed = search.options.config !== undefined || Boolean(search.host.env['PVEFLEET_CONFIG']);
    if (!isNamed || search.mayBeMissing) return { path };
    throw new UsageError(`there is no file ${path}`, { code: 'PROFILE_MISSING', hint: 'run pvefleet init' });
  }
  // CI has no such file, and no use for a YAML parser in a command without one
  const { parseProfiles } = await import('../spec/profile.ts');
  const { profiles, diagnostics } = parseProfiles(path, text);
  if (!profiles) throw new ProfileError(path, diagnostics, new Map([[path, text]]));
  if (profiles.hasLiteralSecrets) await checkMode(path);
  return { path, text, profiles };
}

/**
 * Chooses the profile that is meant.
 *
 * @param search - where to look, and the name that was asked for.
 * @returns the profile; undefined when there is no file and none was asked for by name.
 * @throws {@link UsageError} when the name is not known, or when none is asked for and there are several.
 */
export async function findProfile(search: ProfileSearch): Promise<ConnectionProfile | undefined> {
  const { path, profiles } = await readProfiles(search);
  if (!profiles) {
    if (search.name === undefined) return undefined;
    throw new UsageError(`there is no profile '${search.name}': there is no file ${path}`, {
      code: 'PROFILE_MISSING',
      hint: 'run pvefleet init',
    });
  }
  const names = Object.keys(profiles.profiles);
  const name = search.name ?? profiles.default ?? (names.length === 1 ? names[0] : undefined);
  if (name === undefined) {
    throw new UsageError(`${path} has several profiles and no default`, {
      code: 'PROFILE_MISSING',
      hint: `choose one with --profile: ${names.join(', ')}`,
    });
  }
  const profile = Object.hasOwn(profiles.profiles, name) ? profiles.profiles[name] : undefined;
  if (profile) return withAbsoluteCa(profile, path);
  const near = suggest(name, names);
  throw new UsageError(`there is no profile '${name}' in ${path}`, {
    code: 'PROFILE_MISSING',
    hint: near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`,
  });
}

/** Relative paths in the file start at its folder. */
function withAbsoluteCa(profile: ConnectionProfile, path: string): ConnectionProfile {
  return profile.caFile === undefined
    ? profile
    : { ...profile, caFile: resolve(dirname(path), profile.caFile) };
}
