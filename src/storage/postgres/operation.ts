/** A method of the port as this driver runs it: inside a transaction that somebody else begins and commits. */
import type { Session } from './session.ts';

export type Operation<Method, In extends Session = Session> = Method extends (
  query: infer Query,
) => Promise<infer Result>
  ? (session: In, query: Query) => Promise<Result>
  : never;
