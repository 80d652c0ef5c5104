/** Turning containers into templates (pve-container API2/LXC.pm template, LXC.pm template_create). */
import { die, type HandlerContext, type HandlerTable } from '../context.ts';
import { mountsOf } from '../model/lxc-config.ts';
import { nodeOf } from '../model/nodes.ts';
import { printMount } from '../model/property-values.ts';
import type { SimContainer } from '../model/state.ts';
import { durations } from '../model/timing.ts';
import { hasVolumeFeature, makeBase, needVolume } from '../model/volume-operations.ts';
import {
  checkLock,
  checkWritable,
  isTemplate,
  lockConfig,
  needContainer,
  vmidOf,
  writeConfig,
} from './lxc-common.ts';

/**
 * Renames the volumes of a container and marks it as a template.
 *
 * @throws SimError 500 when a storage has no templates.
 */
export function makeTemplate(context: HandlerContext, container: SimContainer): void {
  const { state } = context;
  const mounts = mountsOf(container.config);
  for (const [, mount] of mounts)
    if (!hasVolumeFeature(state, 'template', mount.volume))
      die(`Template feature is not available for '${mount.volume}'`);
  const values: Record<string, string> = { template: '1' };
  for (const [key, mount] of mounts) {
    const base = makeBase(state, needVolume(state, container.node, mount.volume));
    values[key] = printMount(key, { ...mount, volume: base.volid });
  }
  writeConfig(container, values);
}

function checkConvertible(container: SimContainer): void {
  checkLock(container);
  if (Object.keys(container.snapshots).length > 0)
    die('unable to create template, because CT contains snapshots');
  if (isTemplate(container)) die("you can't convert a template to a template");
  if (container.runtime) die("you can't convert a CT to template if the CT is running");
}

export const lxcTemplateHandlers: HandlerTable = {
  // The task's UPID is not returned.
  'POST /nodes/{node}/lxc/{vmid}/template': async (context) => {
    const vmid = vmidOf(context);
    await lockConfig(context, vmid, () => checkConvertible(needContainer(context)));
    context.fork('vztemplate', String(vmid), nodeOf(context).name, (worker) =>
      lockConfig(
        context,
        vmid,
        async () => {
          const container = needContainer(context, vmid);
          checkConvertible(container);
          checkWritable(context, container);
          await worker.sleep(durations.template);
          makeTemplate(context, container);
        },
        { worker },
      ),
    );
    return null;
  },
};
