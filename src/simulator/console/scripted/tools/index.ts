/** All programs of simulated containers, by name. */
import { accountTools } from './accounts.ts';
import { awkTools } from './awk.ts';
import { becomeTools } from './become.ts';
import { columnTools } from './columns.ts';
import { encodeTools } from './encode.ts';
import { fileTools } from './files.ts';
import { findTools } from './find.ts';
import { grepTools } from './grep.ts';
import { lookTools } from './look.ts';
import { modeTools } from './modes.ts';
import { packageTools } from './packages.ts';
import { runTools } from './run.ts';
import { sedTools } from './sed.ts';
import { serviceTools } from './services.ts';
import { systemTools } from './system.ts';
import { tarTools } from './tar.ts';
import { textTools } from './text.ts';
import type { Tool } from './tool.ts';

export const tools: Readonly<Record<string, Tool>> = {
  ...accountTools,
  ...awkTools,
  ...becomeTools,
  ...columnTools,
  ...encodeTools,
  ...fileTools,
  ...findTools,
  ...grepTools,
  ...lookTools,
  ...modeTools,
  ...packageTools,
  ...runTools,
  ...sedTools,
  ...serviceTools,
  ...systemTools,
  ...tarTools,
  ...textTools,
};
