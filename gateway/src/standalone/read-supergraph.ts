import { Kind, parse } from 'graphql';

/** Where the subgraphs of a supergraph are, by name, as its `join__Graph` says. Throws a sentence for one without a URL. */
export function readSubgraphUrls(sdl: string): ReadonlyMap<string, URL> {
  const graphs = parse(sdl).definitions.flatMap((one) =>
    one.kind === Kind.ENUM_TYPE_DEFINITION && one.name.value === 'join__Graph' ? (one.values ?? []) : [],
  );
  if (graphs.length === 0) throw new Error('SUPERGRAPH is no supergraph: it has no enum join__Graph.');
  return new Map(
    graphs.map(({ name: value, directives }) => {
      const given = directives?.find((one) => one.name.value === 'join__graph')?.arguments ?? [];
      const textOf = (argument: string): string | undefined => {
        const found = given.find((one) => one.name.value === argument)?.value;
        return found?.kind === Kind.STRING ? found.value : undefined;
      };
      const name = textOf('name') ?? value.value;
      const url = textOf('url') ?? '';
      if (!URL.canParse(url) || !/^(https?|unix):$/.test(new URL(url).protocol)) {
        throw new Error(
          `The supergraph gives no URL for ${name}: "${url}" is neither http(s)://host/path nor unix:/path.`,
        );
      }
      return [name, new URL(url)];
    }),
  );
}
