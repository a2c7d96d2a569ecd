/** What the declaration of an option says; the options themselves are in config-options.ts. */
import type { Parsed } from './config-values.ts';

/** What a default may depend on. */
export interface DefaultContext {
  readonly host: string;
  readonly port: number;
  /** The host is loopback and nothing says that others reach this server: contract, "on trial". */
  readonly onTrial: boolean;
}

export interface Option<T> {
  readonly group: OptionGroup;
  /** Stands for the value in `--help`. */
  readonly placeholder: string;
  /** Whole sentences. */
  readonly description: string;
  /** As the operator would write it, or in words where `defaultValue` makes it. */
  readonly default: string;
  /** The default where it is not simply the parsed text of `default`. */
  defaultValue?(context: DefaultContext): T;
  /** Never shown. */
  readonly secret?: true;
  /** Comma-separated; in the file it may be a list. */
  readonly list?: true;
  parse(text: string): Parsed<T>;
  /** As it would be written; without it, `String(value)`. */
  format?(value: T): string;
}

export type OptionGroup =
  | 'Server'
  | 'Storage'
  | 'Keys'
  | 'Topics'
  | 'Outbox'
  | 'Delivery'
  | 'Mail'
  | 'Limits';

export const OPTION_GROUPS: readonly OptionGroup[] = [
  'Server',
  'Storage',
  'Keys',
  'Topics',
  'Outbox',
  'Delivery',
  'Mail',
  'Limits',
];
