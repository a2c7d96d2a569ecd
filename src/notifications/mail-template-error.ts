/** The operator's templates cannot be used; the message says all that is wrong with them, by file and line. */
export class MailTemplateError extends Error {
  override readonly name = 'MailTemplateError';
}
