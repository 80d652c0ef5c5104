/** Flags that commands of several groups take. */
import type { OptionRow } from '../options.ts';

/** Where something new goes. */
export const targetNode: OptionRow = { flags: '--node <node>', text: 'node' };
/** Where new passwords go. */
export const credentialsRow: OptionRow = {
  flags: '--credentials <path>',
  text: 'write generated passwords there: a folder, or a file that ends with .csv',
  shared: true,
};
