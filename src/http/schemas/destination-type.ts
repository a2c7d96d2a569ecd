/** Destination types, as the API shows them. */
import type { DestinationType } from '../../destinations/destination-type.ts';
import { arrayOf, boolean, integer, object, oneOf, optional, string } from './json-schema.ts';

const Field = object({
  key: string(),
  type: oneOf(['text', 'checkbox', 'select', 'key_value_map']),
  label: string(),
  description: string(),
  required: boolean(),
  sensitive: optional(boolean({ description: 'Masked where it is read.' })),
  default: optional(string()),
  minlength: optional(integer()),
  maxlength: optional(integer()),
  pattern: optional(string({ description: 'A regular expression of the whole value.' })),
  options: optional(arrayOf(object({ label: string(), value: string() }))),
});

export const DestinationTypeSchema = object(
  {
    type: string(),
    label: string(),
    description: string(),
    icon: string({ description: 'An SVG document; show it as an image.' }),
    instructions: string({ description: 'Markdown.' }),
    setup_link: optional(object({ href: string(), cta: string() })),
    config_fields: arrayOf(Field),
    credential_fields: arrayOf(Field),
  },
  { $id: 'DestinationType' },
);

export function destinationTypeJson({ type, description }: DestinationType) {
  const { label, icon, instructions, setupLink, configFields, credentialFields } = description;
  // The names of a field are those of the API.
  return {
    type,
    label,
    description: description.description,
    icon,
    instructions,
    ...(setupLink === undefined ? {} : { setup_link: setupLink }),
    config_fields: configFields,
    credential_fields: credentialFields,
  };
}
