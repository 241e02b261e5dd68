// Prepares an AsyncAPI document for the React component without its parser, which compiles
// JSON schemas with `new Function`: a page that allows that is open to injected code.

const marks = {
  parsed: "x-parser-spec-parsed",
  version: "x-parser-api-version",
  id: "x-parser-unique-object-id",
  schema: "x-parser-schema-id",
};

/** Return a document without references, marked as the parser marks what it has read. */
export function prepare(document) {
  const named = structuredClone(document);
  nameEach(named.channels, marks.id);
  nameEach(named.operations, marks.id);
  nameEach(named.components?.messages, marks.id);
  nameEach(named.components?.schemas, marks.schema);
  for (const channel of Object.values(named.channels ?? {})) nameEach(channel.messages, marks.id);
  return { ...resolve(named, named), [marks.parsed]: true, [marks.version]: 3 };
}

function nameEach(parts, mark) {
  for (const [name, part] of Object.entries(parts ?? {})) part[mark] ??= name;
}

function resolve(part, document) {
  if (Array.isArray(part)) return part.map((each) => resolve(each, document));
  if (part === null || typeof part !== "object") return part;
  const { $ref, ...own } = part;
  const target = $ref === undefined ? {} : resolve(find($ref, document), document);
  const resolved = Object.entries(own).map(([name, each]) => [name, resolve(each, document)]);
  return { ...target, ...Object.fromEntries(resolved) };
}

function find(reference, document) {
  const names = reference.replace(/^#\//, "").split("/");
  return names.reduce((part, name) => part[name.replace(/~1/g, "/").replace(/~0/g, "~")], document);
}
