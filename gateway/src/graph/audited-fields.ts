import { type DocumentNode, type GraphQLSchema, Kind, TypeInfo, visit, visitWithTypeInfo } from 'graphql';

/** Coordinates of the fields that the graph marks `@audited`: reading one leaves a trace. */
export type AuditedFields = ReadonlySet<string>;

export function readAuditedFields(supergraph: DocumentNode): AuditedFields {
  return new Set(
    supergraph.definitions.flatMap((type) => {
      if (type.kind !== Kind.OBJECT_TYPE_DEFINITION && type.kind !== Kind.INTERFACE_TYPE_DEFINITION) return [];
      const fields = (type.fields ?? []).filter(({ directives }) =>
        directives?.some(({ name }) => name.value === 'audited'),
      );
      return fields.map((field) => `${type.name.value}.${field.name.value}`);
    }),
  );
}

export function selectsAudited(audited: AuditedFields, schema: GraphQLSchema, document: DocumentNode): boolean {
  if (audited.size === 0) return false;
  let found = false;
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field({ name }) {
        found ||= audited.has(`${types.getParentType()?.name}.${name.value}`);
      },
    }),
  );
  return found;
}
