import { createAddressGuard } from '../../src/destinations/address-guard.ts';
import { createWebhookType } from '../../src/destinations/webhook/type.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { systemRandom } from '../../src/domain/id.ts';
import { standard } from '../../src/profiles/standard.ts';
import { INSTANCE_KEY } from '../support/instance-key.ts';
import { describeDestinationType } from '../conformance/destination-type.ts';
import { answerText, OK, openRawReceiver, type RawRequest } from '../support/raw-receiver.ts';

const CANARY = 'Hunter2hunter2';
const SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

type Manner = (request: RawRequest) => void;
const accept: Manner = ({ socket }) => socket.write(OK);
const refuse: Manner = ({ socket }) => socket.write(answerText('500 Oops'));
const hang: Manner = () => {};
const breakOff: Manner = ({ socket }) => socket.resetAndDestroy();

describeDestinationType({
  name: 'webhook',
  async start() {
    let manner = accept;
    const raw = await openRawReceiver((request) => manner(request));
    const type = createWebhookType({
      guard: createAddressGuard({ allowedCidrs: ['127.0.0.0/8'] }),
      clock: systemClock,
      random: systemRandom,
      userAgent: 'Angarium/test',
      origin: 'sender.test',
      instanceKey: INSTANCE_KEY,
    });
    return {
      type,
      profile: standard,
      receiver: {
        accept: () => void (manner = accept),
        refuse: () => void (manner = refuse),
        hang: () => void (manner = hang),
        breakOff: () => void (manner = breakOff),
        get received() {
          return raw.requests.map(({ headers }) => Object.fromEntries(headers)['webhook-id'] ?? '');
        },
        came: (count) => raw.received(count),
        get connections() {
          return raw.connections;
        },
        allClosed: () => raw.allClosed(),
      },
      good: {
        config: { url: raw.url, custom_headers: '{"X-Plan":"gold"}' },
        credentials: { secret: SECRET },
      },
      generated: ['secret'],
      canary: CANARY,
      bad: [
        {
          given: {
            config: {
              url: `https://${CANARY}@example.com/`,
              custom_headers: { host: CANARY, 'x-a': `${CANARY}\n`, 'a b': CANARY },
              colour: CANARY,
            },
            credentials: { secret: `whsec_${CANARY}`, password: CANARY },
          },
          pointers: [
            '/config/url',
            '/config/custom_headers/host',
            '/config/custom_headers/x-a',
            '/config/custom_headers/a b',
            '/config/colour',
            '/credentials/secret',
            '/credentials/password',
          ],
        },
        {
          given: { config: { url: `ftp://${CANARY}/`, custom_headers: CANARY }, credentials: {} },
          pointers: ['/config/url', '/config/custom_headers'],
        },
        {
          given: { config: {}, credentials: { secret: [CANARY] } },
          pointers: ['/config/url', '/credentials/secret'],
        },
        {
          given: { config: { url: `http://10.0.0.1/${CANARY}` }, credentials: {} },
          pointers: ['/config/url'],
        },
      ],
      async stop() {
        await type.close();
        await raw.close();
      },
    };
  },
});
