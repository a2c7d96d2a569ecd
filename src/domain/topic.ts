/** Topics: dotted names of kinds of events, and the patterns by which a destination picks them. */

/** The pattern of every topic, also of those that do not exist yet. */
export const ALL_TOPICS = '*';

/** A topic’s name. */
export const TOPIC = /^[\x21-\x29\x2b-\x7e]{1,255}$/;
const PATTERN = /^[\x21-\x7e]{1,255}$/;

/** 1 to 255 visible ASCII characters without `*`. */
export function isTopic(text: string): boolean {
  return TOPIC.test(text);
}

/** A topic, `*`, or a topic with `*` in it. */
export function isTopicPattern(text: string): boolean {
  return PATTERN.test(text);
}

/** Whether the pattern covers the topic. `*` stands for any run of characters, dots among them: `user.*` covers `user.a.b`. */
export function topicMatches(pattern: string, topic: string): boolean {
  if (pattern === ALL_TOPICS) return true;
  if (!pattern.includes('*')) return pattern === topic;
  return matchesPieces(pattern.split('*'), topic);
}

function matchesPieces(pieces: readonly string[], topic: string): boolean {
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  if (!topic.startsWith(first)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = topic.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return topic.length - last.length >= at && topic.endsWith(last);
}
