/** `create`: one container from flags and questions, by the same plan and apply as a fleet. */
import { readFile } from 'node:fs/promises';
import type { GuestSummary } from '../../domain/actual.ts';
import type { DesiredContainer, DesiredFleet } from '../../domain/desired.ts';
import { makePlan } from '../../engine/plan.ts';
import { verify } from '../../engine/verify.ts';
import { askContainer, type ContainerAnswers, validHostname } from '../../prompts/container.ts';
import { type ExitCode, messageOf, UsageError } from '../../util/errors.ts';
import { carryOut } from '../carry-out.ts';
import { readAliases } from '../fleet-file.ts';
import type { Invocation } from '../invocation.ts';
import { clusterOffers, defaultsFor } from '../offers.ts';
import type { Options } from '../options.ts';
import { policyOf } from '../policy.ts';
import type { Runtime } from '../runtime.ts';
import { bytesFlag, mebibytesFlag } from '../sizes.ts';
import { verifyScope } from '../verify-scope.ts';

/** Fleet of containers that are created one by one. */
const singleFleet = 'adhoc';

function fromFlags(name: string | undefined, options: Options): Partial<ContainerAnswers> {
  const { hostname = name, node, template, storage, rootfs, memory, cores, bridge, ip, gateway } = options;
  const all = { hostname, node, template, storage, rootfs, memory, cores, bridge, ip, gateway };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

async function publicKeys(file: string, runtime: Runtime): Promise<readonly string[]> {
  let text: string;
  try {
    text = await readFile(runtime.path(file), 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read the keys in ${file}: ${messageOf(error)}`, { cause: error });
  }
  if (/PRIVATE KEY/.test(text)) {
    throw new UsageError(`${file} holds a private key`, { hint: 'give the .pub file beside it' });
  }
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function passwordOf(options: Options, runtime: Runtime): { $secret: string } | undefined {
  const variable = options.passwordEnv;
  if (variable === undefined) return undefined;
  if (!runtime.host.env[variable]) {
    throw new UsageError(`--password-env: there is no environment variable ${variable}, or it is empty`, {
      hint: `set it without it ending up in the history, for example: read -rs ${variable}; export ${variable}`,
    });
  }
  return { $secret: `env:${variable}` };
}

async function desired(
  answers: ContainerAnswers,
  options: Options,
  runtime: Runtime,
): Promise<DesiredContainer> {
  const { hostname, node, storage, gateway } = answers;
  const { swap, cpuLimit, cpuUnits, pool, tag, sshKeyFile } = options;
  const aliases = await readAliases();
  const password = passwordOf(options, runtime);
  const sshKeys = sshKeyFile === undefined ? undefined : await publicKeys(sshKeyFile, runtime);
  return {
    key: hostname,
    hostname,
    vmid: options.vmid ?? 'auto',
    node,
    template: Object.hasOwn(aliases, answers.template)
      ? (aliases[answers.template] as string)
      : answers.template,
    unprivileged: options.privileged !== true,
    compute: {
      cores: answers.cores,
      memoryMiB: mebibytesFlag('--memory', answers.memory),
      ...(swap === undefined ? {} : { swapMiB: mebibytesFlag('--swap', swap) }),
      ...(cpuLimit === undefined ? {} : { cpuLimit }),
      ...(cpuUnits === undefined ? {} : { cpuUnits }),
    },
    rootfs: { storage, sizeBytes: bytesFlag('--rootfs', answers.rootfs) },
    nets: {
      eth0: { bridge: answers.bridge, ip: answers.ip, ...(gateway === undefined ? {} : { gateway }) },
    },
    ...(options.nesting ? { features: { nesting: true } } : {}),
    options: tag === undefined ? {} : { tags: tag },
    ...(pool === undefined ? {} : { pool }),
    power: options.start === false ? 'stopped' : 'running',
    ...(password || sshKeys
      ? { access: { ...(password ? { password } : {}), ...(sshKeys ? { sshKeys } : {}) } }
      : {}),
    adopt: false,
    restart: 'ask',
  };
}

/** `create` makes something new: a name or an id that is taken is told before anything is planned. */
function insistOnNew(
  answers: Pick<ContainerAnswers, 'hostname'>,
  vmid: number | undefined,
  guests: readonly GuestSummary[],
): void {
  const same = guests.find((guest) => guest.name === answers.hostname || guest.vmid === vmid);
  if (!same) return;
  const name = same.name === undefined ? '' : ` '${same.name}'`;
  throw new UsageError(
    `there is a ${same.type === 'lxc' ? 'container' : 'virtual machine'}${name} already: ${same.vmid} on ${same.node}`,
    {
      code: 'EXISTS',
      hint: same.vmid === vmid ? 'leave out --vmid to get the next free id' : 'take another name',
    },
  );
}

export async function run({ args, options }: Invocation, runtime: Runtime): Promise<ExitCode> {
  const given = fromFlags(args[0], options);
  if (given.hostname !== undefined) {
    const valid = validHostname(given.hostname);
    if (valid !== true) throw new UsageError(`'${given.hostname}' is no host name`, { hint: valid });
  }
  // Sizes are checked before the first question and the first request.
  if (given.memory !== undefined) mebibytesFlag('--memory', given.memory);
  if (given.rootfs !== undefined) bytesFlag('--rootfs', given.rootfs);
  const context = await runtime.connect();
  const offers = await clusterOffers(context);
  if (given.hostname !== undefined) insistOnNew({ hostname: given.hostname }, options.vmid, offers.guests);
  const answers = runtime.interactive
    ? await askContainer(await runtime.prompts(), offers, given)
    : await defaultsFor(offers, given);
  insistOnNew(answers, options.vmid, offers.guests);
  const container = await desired(answers, options, runtime);
  const fleet: DesiredFleet = {
    name: options.fleet ?? singleFleet,
    vmids: { from: 100, to: 999_999_999 },
    containers: [container],
  };
  const asked = Object.keys(answers).some((key) => !(key in given));
  return carryOut(runtime, context, {
    plan: async (policy) => (await makePlan(context, fleet, policy)).plan,
    policy: policyOf(options, false),
    name: container.key,
    confirm: asked && runtime.interactive ? 'always' : 'never',
    prove: async () => verifyScope(await verify(context, fleet), { target: [container.key] }),
    nothing: `Nothing to do: ${container.key} is there already.`,
  });
}
