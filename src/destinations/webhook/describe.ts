/** What people read who set up a webhook destination. */
import type { TypeDescription } from '../destination-type.ts';

export const WEBHOOK_DESCRIPTION: TypeDescription = {
  label: 'Webhook',
  description: 'Sends each event as a signed HTTP POST to a URL.',
  icon: '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="#475569" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><circle cx="5" cy="12" r="2"/><path d="M7 12h9"/><path d="m12 8 4 4-4 4"/><path d="M14 4h4a3 3 0 0 1 3 3v10a3 3 0 0 1-3 3h-4"/></svg>',
  instructions: [
    '1. Make an endpoint that takes `POST` requests with JSON, at an HTTPS URL.',
    '2. Enter the URL. A signing secret is generated where you give none.',
    '3. Verify the signature of each request with that secret, before you believe it.',
    '4. Answer with a status from 200 to 299 within the timeout, and do long work afterwards. What is not answered so is sent again: take the event’s id to recognise a repeat.',
  ].join('\n'),
  configFields: [
    {
      key: 'url',
      type: 'text',
      label: 'URL',
      description: 'Where events are sent to.',
      required: true,
      maxlength: 2048,
      pattern: 'https?://.+',
    },
    {
      key: 'custom_headers',
      type: 'key_value_map',
      label: 'Custom headers',
      description:
        'Headers that each request carries besides its own, or instead of those that only inform.',
      required: false,
    },
    {
      key: 'ca',
      type: 'text',
      label: 'Certificate authority',
      description:
        'Certificates in PEM that the receiver is verified by, instead of the public authorities.',
      required: false,
      maxlength: 65_536,
    },
    {
      key: 'webhook_handshake',
      type: 'checkbox',
      label: 'Ask before the first delivery',
      description:
        'The handshake of CloudEvents: the receiver has to agree, by an answer to OPTIONS, before anything is sent.',
      required: false,
    },
    {
      key: 'webhook_request_rate',
      type: 'text',
      label: 'Rate to ask for',
      description: 'Requests a minute that the handshake asks for.',
      required: false,
      pattern: '[1-9][0-9]{0,6}',
    },
  ],
  credentialFields: [
    {
      key: 'secret',
      type: 'text',
      label: 'Signing secret',
      description: 'Signs each request; generated where it is left out.',
      required: false,
      sensitive: true,
    },
    {
      key: 'previous_secret',
      type: 'text',
      label: 'Previous secret',
      description: 'Signs beside the new one while receivers change over.',
      required: false,
      sensitive: true,
    },
    {
      key: 'previous_secret_invalid_at',
      type: 'text',
      label: 'Previous secret valid until',
      description: 'A time, such as 2026-11-21T10:00:00Z; 24 hours after a rotation by default.',
      required: false,
    },
  ],
};
