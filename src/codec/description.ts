/** The ownership line in a container's description: an HTML comment, invisible in the web interface. */

/** What the ownership line says. */
export interface Ownership {
  readonly fleet: string;
  readonly key: string;
  /** Digest of the desired state that was last applied; hex. */
  readonly specDigest: string;
}
