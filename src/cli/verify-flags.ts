/** The flags of `angarium verify`. Apart from what reads them, so that its help needs nothing of the SDK. */

export const VERIFY_FLAGS = [
  {
    name: 'profile',
    placeholder: 'NAME',
    description:
      'How the message was signed: standard, baack, basekit, balkanid or baxcloud. Default: standard.',
  },
  {
    name: 'secret',
    placeholder: 'SECRET',
    description:
      'The signing secret as the sender shows it, prefix included. May be given several times: the output says which one has signed. Other users of the machine can read flags: prefer a file.',
  },
  {
    name: 'secret-file',
    placeholder: 'FILE',
    description: 'A file with a secret on each line.',
  },
  {
    name: 'header',
    placeholder: "'NAME: VALUE'",
    description: 'A header of the request. May be given several times.',
  },
  {
    name: 'headers-file',
    placeholder: 'FILE',
    description:
      'The headers: a line each, up to the first empty one, or a JSON object of names and values. A flag --header goes before a header of the file.',
  },
  {
    name: 'body-file',
    placeholder: 'FILE',
    description: 'The body, byte for byte as it was received; - is the standard input.',
  },
  {
    name: 'url',
    placeholder: 'URL',
    description:
      'The URL that the sender was given. With it, or with --jwks, the HTTP message signature (RFC 9421) and the Content-Digest are checked instead of the profile’s signature. Default: that of the request line in --headers-file, at the header Host.',
  },
  {
    name: 'method',
    placeholder: 'NAME',
    description: 'The method of the request. Default: that of the request line, else POST.',
  },
  {
    name: 'jwks',
    placeholder: 'FILE|URL',
    description:
      'The sender’s public keys: a file, or the URL of its /.well-known/jwks.json. For hmac-sha256 give --secret instead.',
  },
  {
    name: 'at',
    placeholder: 'TIME',
    description:
      'When the request was received: as in 2026-11-21T10:00:00Z, or in seconds since 1970. Default: now.',
  },
  {
    name: 'tolerance',
    placeholder: 'SECONDS',
    description: 'How far from that a signed time may be; none for any. Default: 300.',
  },
] as const;
