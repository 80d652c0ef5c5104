/** All programs of simulated containers, by name. */
import { accountTools } from './accounts.ts';
import { awkTools } from './awk.ts';
import { encodeTools } from './encode.ts';
import { fileTools } from './files.ts';
import { findTools } from './find.ts';
import { patternTools } from './grep.ts';
import { packageTools } from './packages.ts';
import { systemTools } from './system.ts';
import { tarTools } from './tar.ts';
import { textTools } from './text.ts';
import type { Tool } from './tool.ts';

export const tools: Readonly<Record<string, Tool>> = {
  ...accountTools,
  ...awkTools,
  ...encodeTools,
  ...fileTools,
  ...findTools,
  ...packageTools,
  ...patternTools,
  ...systemTools,
  ...tarTools,
  ...textTools,
};
