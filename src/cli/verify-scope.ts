/** Narrows a verification to the containers that `--target` and `--exclude` mean. */
import type { VerifyReport } from '../domain/converge.ts';
import { isAccountFinding } from '../domain/lab/account-findings.ts';
import { globMatcher } from '../util/glob.ts';
import type { Options } from './options.ts';

/**
 * Leaves out what is not meant. The whole fleet is verified first, because a container that is left out of the file
 * would be taken for one that should not be there.
 *
 * @param report - of the whole fleet.
 * @param options - globs over keys; none: everything.
 * @returns the report of those containers, with its counts made anew.
 */
export function verifyScope(
  report: VerifyReport,
  options: Pick<Options, 'target' | 'exclude'>,
): VerifyReport {
  const targets = (options.target ?? []).map(globMatcher);
  const excludes = (options.exclude ?? []).map(globMatcher);
  if (targets.length + excludes.length === 0) return report;
  const meant = ({ key }: { readonly key: string }): boolean =>
    (targets.length === 0 || targets.some((matches) => matches(key))) &&
    !excludes.some((matches) => matches(key));
  const containers = report.containers.filter(meant);
  const findings = report.findings.filter(meant);
  const count = (state: string): number => containers.filter((one) => one.state === state).length;
  const aboutAccounts = findings.filter(isAccountFinding).length;
  const unexpected = findings.filter(
    (finding) => finding.state === 'unexpected' && !isAccountFinding(finding),
  ).length;
  return {
    ...report,
    containers,
    findings,
    converged: findings.length === 0,
    summary: {
      applied: count('applied'),
      pending: count('pending'),
      diverged: count('diverged'),
      missing: count('missing'),
      unexpected,
      ...(aboutAccounts === 0 ? {} : { accounts: aboutAccounts }),
    },
  };
}
