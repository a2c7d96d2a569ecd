/**
 * Where the links of mails lead. The token is the credential, and good for that one thing. A GET only shows a page with a
 * button: programs that look at mails follow links. The POST does it; also the one click of RFC 8058.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { MailLink } from '../../domain/mail-link.ts';
import { retryByHand } from '../../engine/retry.ts';
import { Query } from '../query.ts';
import type { ServerParts } from '../server-parts.ts';

const MAX_FORM_BYTES = 4096;

type Kind = MailLink['kind'];

const ASKED: Record<Kind, { readonly title: string; readonly button: string }> = {
  unsubscribe: { title: 'No more mails about webhooks to this address?', button: 'Unsubscribe' },
  retry: { title: 'Try this delivery again?', button: 'Try again' },
};

export function mailLinkRoutes(server: FastifyInstance, { engine, mailLinks }: ServerParts): void {
  void server.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    // What stands in the form does not matter: the token says all.
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, parsed) =>
      parsed(null, undefined),
    );
    for (const kind of ['unsubscribe', 'retry'] as const) {
      const schema = { hide: true };
      scope.get(`/mail/${kind}`, { schema }, (request, reply) => {
        const link = linkOf(request, kind);
        if (link === null) return page(reply, 404, GONE);
        const { title, button } = ASKED[kind];
        return page(reply, 200, title, button);
      });
      scope.post(`/mail/${kind}`, { schema, bodyLimit: MAX_FORM_BYTES }, async (request, reply) => {
        const link = linkOf(request, kind);
        if (link === null) return page(reply, 404, GONE);
        return page(reply, 200, await follow(request, link));
      });
    }
    done();
  });

  function linkOf(request: FastifyRequest, kind: Kind): MailLink | null {
    const query = new Query(request.query, ['token']);
    const token = query.text('token') ?? '';
    query.done();
    const link = mailLinks.read(token, engine.clock.nowMs());
    return link?.kind === kind ? link : null;
  }

  async function follow({ ip, id }: FastifyRequest, link: MailLink): Promise<string> {
    switch (link.kind) {
      case 'unsubscribe':
        await engine.storage.mailRefuse({ tenantId: link.tenantId, recipient: link.recipient });
        return 'Done: no more mails go to this address.';
      case 'retry': {
        const actor = { kind: 'tenant', id: link.tenantId, name: 'link in a mail' } as const;
        const author = { atMs: engine.clock.nowMs(), actor, address: ip, requestId: id };
        const result = await retryByHand(engine, link, author);
        return RETRIED[result];
      }
    }
  }
}

const GONE = 'This link is not good any more.';

const RETRIED: Record<Awaited<ReturnType<typeof retryByHand>>, string> = {
  due: 'Done: it is tried again now.',
  unknown_event: 'The event is not kept any more.',
  unknown_destination: 'The destination is not there any more.',
  destination_disabled: 'The destination is disabled: enable it first.',
  ambiguous_event: GONE,
};

/** Nothing on it comes from outside. The form goes to the page's own address, token and all. */
function page(reply: FastifyReply, status: number, title: string, button?: string): FastifyReply {
  const form =
    button === undefined
      ? ''
      : `<form method="post"><button type="submit">${button}</button></form>`;
  return reply
    .status(status)
    .header('content-type', 'text/html; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('referrer-policy', 'no-referrer')
    .header('x-content-type-options', 'nosniff')
    .header(
      'content-security-policy',
      "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    .serializer(String)
    .send(
      `<!doctype html><html lang="en"><head><title>${title}</title></head><body><h1>${title}</h1>${form}</body></html>\n`,
    );
}
