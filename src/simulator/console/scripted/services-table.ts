/** Services that packages bring, and the ports that they listen on. Pure. */
import type { SimInside } from '../../model/state.ts';
import type { Family } from './tools/tool.ts';

/** A service. */
interface Service {
  /** Package that brings it; absent: it is there from the beginning. */
  readonly from?: string;
  readonly ports: readonly number[];
}

/** Well-known services; any other package brings none. */
const known: Readonly<Record<string, Service>> = {
  nginx: { from: 'nginx', ports: [80] },
  apache2: { from: 'apache2', ports: [80] },
  httpd: { from: 'httpd', ports: [80] },
  caddy: { from: 'caddy', ports: [80] },
  haproxy: { from: 'haproxy', ports: [] },
  postgresql: { from: 'postgresql', ports: [5432] },
  mariadb: { from: 'mariadb-server', ports: [3306] },
  mysql: { from: 'mysql-server', ports: [3306] },
  redis: { from: 'redis', ports: [6379] },
  'redis-server': { from: 'redis-server', ports: [6379] },
  memcached: { from: 'memcached', ports: [11_211] },
  docker: { from: 'docker.io', ports: [] },
  ssh: { from: 'openssh-server', ports: [22] },
  sshd: { from: 'openssh', ports: [22] },
  dnsmasq: { from: 'dnsmasq', ports: [53] },
  bind9: { from: 'bind9', ports: [53] },
  postfix: { ports: [25], from: 'postfix' },
  prometheus: { from: 'prometheus', ports: [9090] },
  'prometheus-node-exporter': { from: 'prometheus-node-exporter', ports: [9100] },
  tomcat10: { from: 'tomcat10', ports: [8080] },
  cron: { ports: [] },
  crond: { ports: [] },
  networking: { ports: [] },
  'systemd-networkd': { ports: [] },
};

const basic: Readonly<Record<Family, readonly string[]>> = {
  debian: ['cron', 'ssh', 'systemd-networkd', 'networking', 'postfix'],
  alpine: ['crond', 'networking'],
  redhat: ['crond', 'sshd', 'systemd-networkd'],
  other: [],
};

/** The service that a package brings, if it is known for one. */
export function serviceOfPackage(name: string): string | undefined {
  return Object.keys(known).find((service) => known[service]?.from === name);
}

/** State of a service; undefined when there is none of this name. */
export function serviceState(
  family: Family,
  inside: SimInside,
  name: string,
): { active: boolean; enabled: boolean } | undefined {
  const touched = inside.services[name];
  if (touched) return touched;
  return basic[family].includes(name) ? { active: true, enabled: true } : undefined;
}

/** Ports that running services listen on. */
export function listeningPorts(family: Family, inside: SimInside): number[] {
  const names = new Set([...basic[family], ...Object.keys(inside.services)]);
  const running = [...names].filter((name) => serviceState(family, inside, name)?.active === true);
  return [...new Set(running.flatMap((name) => known[name]?.ports ?? []))].sort((a, b) => a - b);
}
