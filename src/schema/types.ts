/**
 * Shapes of the normalised Proxmox VE API schema (generated/schema.json).
 * Pure data descriptions; no behaviour. Source of truth: the generator in ./generator.
 */

/** HTTP verbs that occur in the schema. */
export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** A schema of one parameter, one result or one sub-key of a property string. */
export interface ParamSchema {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object' | 'null' | 'any';
  readonly optional?: true;
  /** Name of a registered format, or the sub-keys of a property string. */
  readonly format?: string | ObjectFormat;
  /** JavaScript regular expression source; Proxmox VE anchors it at both ends. */
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  /** Documentation only: defaults of the official schema are not always what the server does. */
  readonly default?: string | number;
  /** Name of another parameter that must be given together with this one. */
  readonly requires?: string;
  readonly properties?: Readonly<Record<string, ParamSchema>>;
  readonly items?: ParamSchema;
  readonly additionalProperties?: boolean | ParamSchema;
  /** Alternatives; a value must fit one of them. */
  readonly oneOf?: readonly ParamSchema[];
  /** Property strings: this key may stand as a bare value. */
  readonly defaultKey?: true;
  /** Property strings: another name of the key named here. */
  readonly alias?: string;
  /** Property strings: `KEY=VALUE` sets the key named here to KEY and the alias target to VALUE. */
  readonly keyAlias?: string;
}

/** Sub-keys of a property string such as `net0` or `rootfs`. */
export type ObjectFormat = Readonly<Record<string, ParamSchema>>;

/**
 * A permission expression as the schema gives it, for example `['perm', '/vms/{vmid}', ['VM.Audit']]`,
 * `['and', …]`, `['or', …]`, `['userid-param', 'self']`.
 */
export type PermissionCheck = readonly [string, ...unknown[]];

/** Who may call an operation. Absent on an operation: only `root@pam` with a ticket. */
export interface Permissions {
  readonly user?: 'all' | 'world';
  readonly check?: PermissionCheck;
  /** The official schema has a prose remark: further rules are in the server's code. */
  readonly checkedInCode?: true;
}

/** One operation of the API. */
export interface Operation {
  readonly method: HttpMethod;
  /** Path template, for example `/nodes/{node}/lxc/{vmid}/config`. */
  readonly path: string;
  readonly name: string;
  /** False: the server refuses API tokens here. */
  readonly tokenAllowed: boolean;
  /** Runs in the privileged daemon. */
  readonly protected?: true;
  /** The request is forwarded to the node named by this parameter. */
  readonly proxyTo?: string;
  readonly permissions?: Permissions;
  readonly parameters: {
    readonly properties: Readonly<Record<string, ParamSchema>>;
    readonly additionalProperties: boolean;
  };
  readonly returns: ParamSchema;
}

/** Where the schema came from. */
export interface SchemaSource {
  readonly product: string;
  readonly version: string;
  readonly file: string;
  readonly sha256: string;
  readonly paths: number;
  readonly operations: number;
}

/** The whole API; keys of `operations` are `METHOD /path`. */
export interface PveSchema {
  readonly source: SchemaSource;
  readonly operations: Readonly<Record<string, Operation>>;
}
