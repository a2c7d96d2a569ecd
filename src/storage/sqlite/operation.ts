/** A method of the port as this driver runs it: on a thread of its own, and so without promises. */
export type Operation<Method> = Method extends (query: infer Query) => Promise<infer Result>
  ? (query: Query) => Result
  : never;
