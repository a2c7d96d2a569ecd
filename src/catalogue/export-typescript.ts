/** The catalogue as TypeScript: a type for the data of each topic, and a map of all of them. */
import type { TopicEntry } from '../domain/topic-catalogue.ts';
import { docComment, propertyName, SchemaTypes, typeName } from './typescript-types.ts';

/** What the text itself declares or needs. */
const RESERVED = ['Array', 'Record', 'Partial', 'TopicData', 'Topic', 'TopicEvent'];

export function typescriptText(topics: readonly TopicEntry[]): string {
  const taken = new Set(RESERVED);
  const described = topics.map((topic) => ({ topic, name: typeName(topic.name, taken) }));
  const declarations = described.flatMap(({ topic, name }) => {
    const head = docComment([topic.name, topic.description], topic.deprecated, '');
    return new SchemaTypes(name, topic.schema ?? { type: 'object' }, taken).declarations(head);
  });
  const members = described.map(
    ({ topic, name }) =>
      `${docComment([], topic.deprecated, '  ')}  ${propertyName(topic.name)}: ${name};\n`,
  );
  return [
    '// The data of the events of each topic, made of the topic catalogue.\n',
    ...declarations,
    `/** The data of events by topic. */\nexport interface TopicData {\n${members.join('')}}\n`,
    'export type Topic = keyof TopicData;\n',
    '/** An event of any topic, told apart by it. */\nexport type TopicEvent = { [Name in Topic]: { topic: Name; data: TopicData[Name] } }[Topic];\n',
  ].join('\n');
}
