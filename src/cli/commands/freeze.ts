/** `freeze` and `unfreeze` of containers: by file, name, glob or filter; with a manifest of what was frozen. */
import { makeFreezePlan, makeUnfreezePlan, readManifest } from '../../engine/lab/freeze.ts';
import { selectContainers } from '../../engine/list.ts';
import { replaceFile } from '../../engine/replace-file.ts';
import type { Selection } from '../../engine/selection.ts';
import { renderManifest, renderManifestMarkdown } from '../../render/manifest.ts';
import { checkSnapshotName } from '../../spec/extra-formats.ts';
import { type ExitCode, messageOf, UsageError } from '../../util/errors.ts';
import { type Change, carryOut } from '../carry-out.ts';
import { readFleet } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import type { Runtime } from '../runtime.ts';
import { selectionOf, someOf } from '../selection.ts';

/** Which containers are meant; a file means those of its fleet. */
async function selection({ args, options, command }: Invocation, runtime: Runtime): Promise<Selection> {
  const chosen = selectionOf(args, options);
  if (options.file !== undefined) {
    const { fleet } = await readFleet(runtime, options);
    return { ...chosen, filters: { ...chosen.filters, fleets: [fleet.name] } };
  }
  if (chosen.names.length > 0 || chosen.filters !== undefined) return chosen;
  throw new UsageError(`${command} was not told which containers`, {
    hint: `give -f FILE, names, vmids or globs, or --group, --tag, --node, --pool, --fleet: pvefleet ${command} --group A`,
  });
}

function snapshotName(name: string | undefined): string | undefined {
  const problem = name === undefined ? undefined : checkSnapshotName(name);
  if (!problem) return name;
  throw new UsageError(problem.message, problem.hint === undefined ? {} : { hint: problem.hint });
}

async function writeManifest(runtime: Runtime, path: string, text: string): Promise<void> {
  try {
    await replaceFile(runtime.path(path), text, 0o600);
  } catch (error) {
    throw new UsageError(
      `the containers are frozen, but the manifest ${path} cannot be written: ${messageOf(error)}`,
      {
        cause: error,
        hint: 'freeze again with another --manifest: what is frozen stays as it is, and is listed again',
      },
    );
  }
}

export async function run(invocation: Invocation, runtime: Runtime): Promise<ExitCode> {
  const { options, command } = invocation;
  const isFreeze = command === 'freeze';
  const snapshot = snapshotName(options.snapshot);
  const meant = await selection(invocation, runtime);
  const context = await runtime.connect();
  const containers = someOf((await selectContainers(context, meant)).containers, command);
  const vmids = containers.map(({ vmid }) => vmid);
  const [only] = containers;
  const name = containers.length === 1 && only ? (only.name ?? String(only.vmid)) : String(vmids.length);
  const how = { stop: options.stop === true, ...(snapshot === undefined ? {} : { snapshot }) };
  const document: Change['document'] = async (report) => {
    const manifest = await readManifest(context, vmids, snapshot, report);
    for (const path of options.manifest ?? []) {
      const text = path.toLowerCase().endsWith('.md')
        ? renderManifestMarkdown(manifest)
        : `${JSON.stringify(manifest, null, 2)}\n`;
      await writeManifest(runtime, path, text);
      runtime.output.say(`Manifest: ${path}`);
    }
    return {
      document: manifest,
      human: (style) => renderManifest(manifest, style),
      markdown: () => renderManifestMarkdown(manifest),
    };
  };
  return carryOut(runtime, context, {
    plan: async (policy) =>
      (isFreeze ? await makeFreezePlan(context, vmids, how, policy) : await makeUnfreezePlan(context, vmids))
        .plan,
    name,
    confirm: 'disruptive',
    ...(isFreeze ? { document } : {}),
    nothing: isFreeze
      ? 'Nothing to do: everything of it is frozen already.'
      : 'Nothing to do: none of it is frozen.',
  });
}
