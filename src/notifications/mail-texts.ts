/**
 * What mails say, as Mustache templates (mustache(5)), and how the operator replaces them: a file in the folder of
 * `mail_templates`, named as the keys here. Values are escaped in HTML. What they may use is in docs/guides/notifications.md.
 */
import Mustache from 'mustache';
import { readTemplateFiles } from './mail-template-files.ts';

export const MAIL_TOPICS = [
  'destination.failing',
  'destination.disabled',
  'destination.unsubscribed',
  'destination.expiring',
  'destination.expired',
  'delivery.failed',
] as const;
export type MailTopic = (typeof MAIL_TOPICS)[number];

const PARTS = ['subject', 'text', 'html'] as const;
type Part = (typeof PARTS)[number];

export interface MailText {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

interface Wording {
  readonly subject: string;
  /** Paragraphs. */
  readonly says: readonly string[];
  /** Of each item. */
  readonly item: string;
}

const WORDINGS: Record<MailTopic, Wording> = {
  'destination.failing': {
    subject: 'Webhooks to {{destination}} are failing',
    says: [
      'Deliveries to {{destination}} have failed {{last.consecutive_failures}} times in a row, since {{last.failing_since}}. It is {{last.percent}} % on the way to being disabled.',
    ],
    item: '{{at}}: {{consecutive_failures}} failures in a row',
  },
  'destination.disabled': {
    subject: 'Webhooks to {{destination}} were stopped',
    says: [
      '{{destination}} was disabled ({{last.reason}}). It gets nothing until it is enabled again.',
    ],
    item: '{{at}}: {{reason}}',
  },
  'destination.unsubscribed': {
    subject: '{{destination}} was unsubscribed',
    says: ['{{destination}} answered that it is gone, and was unsubscribed.'],
    item: '{{at}}',
  },
  'destination.expiring': {
    subject: 'Webhooks to {{destination}} end on {{last.expires_at}}',
    says: [
      '{{destination}} ends on {{last.expires_at}}, and gets nothing from that moment on. Renew it to keep it.',
    ],
    item: '{{at}}: ends on {{expires_at}}',
  },
  'destination.expired': {
    subject: 'Webhooks to {{destination}} have ended',
    says: ['{{destination}} ended on {{last.expires_at}}. Renew it to have its events delivered.'],
    item: '{{at}}',
  },
  'delivery.failed': {
    subject: 'Webhook deliveries to {{destination}} failed ({{count}})',
    says: ['Deliveries to {{destination}} that failed for good: {{count}}.'],
    item: '{{at}}: {{topic}}, event {{event_id}}, after {{attempts}} attempts ({{code}})',
  },
};

const FOOTER = 'You get this as a contact of {{tenant}}.';

export interface MailTemplates {
  render(topic: MailTopic, view: object): MailText;
}

/** `folder`: of the operator's templates; `null`: none. Throws `MailTemplateError`. */
export function loadMailTemplates(folder: string | null): MailTemplates {
  const names = MAIL_TOPICS.flatMap((topic) => PARTS.map((part) => `${topic}.${part}`));
  const own = folder === null ? new Map<string, string>() : readTemplateFiles(folder, names);
  const render = (topic: MailTopic, part: Part, view: object): string => {
    const template = own.get(`${topic}.${part}`) ?? builtIn(topic, part);
    // A plain text has nothing to escape.
    const escape = part === 'html' ? {} : { escape: String };
    return Mustache.render(template, view, undefined, escape);
  };
  return {
    render: (topic, view) => ({
      subject: oneLine(render(topic, 'subject', view)),
      text: render(topic, 'text', view),
      html: render(topic, 'html', view),
    }),
  };
}

function builtIn(topic: MailTopic, part: Part): string {
  const { subject, says, item } = WORDINGS[topic];
  switch (part) {
    case 'subject':
      return subject;
    case 'text':
      return [
        ...says,
        `{{#items}}\n- ${item}{{#retry_url}}\n  Try again: {{retry_url}}{{/retry_url}}\n{{/items}}{{#more}}\n... and {{more}} more\n{{/more}}`,
        `-- \n${FOOTER}\nNo more of these: {{unsubscribe_url}}\n`,
      ].join('\n\n');
    case 'html':
      return [
        '<!doctype html><html><body style="font-family: sans-serif">',
        ...says.map((each) => `<p>${each}</p>`),
        `<ul>{{#items}}<li>${item}{{#retry_url}} <a href="{{retry_url}}">Try again</a>{{/retry_url}}</li>{{/items}}`,
        '{{#more}}<li>… and {{more}} more</li>{{/more}}</ul>',
        `<p><small>${FOOTER} <a href="{{unsubscribe_url}}">No more of these</a></small></p>`,
        '</body></html>\n',
      ].join('\n');
  }
}

/** A header is one line. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
