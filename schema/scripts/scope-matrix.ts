import type { FieldRequirement, RequirementMap } from '../src/authorization/requirements.ts';
import { SCOPE_NAMES, SCOPES } from '../src/scopes.ts';

/** `docs/scopes.md`: what each scope opens, and what each field asks for; of the same map that is enforced. */
export function printScopeMatrix(requirements: RequirementMap): string {
  const fields = Object.entries(requirements);
  const forPartners = fields.filter(([, requirement]) => !('policy' in requirement));
  const opens = (scope: string): number =>
    forPartners.filter(([, one]) => 'scopes' in one && one.scopes.flat().some((name) => name === scope)).length;
  return `${[
    '# Scopes',
    '',
    'What a token must carry for each field of the graph. Made from the SDL by `npm run compose -w schema`; `npm run check`',
    'fails when it is not what the SDL says. A document needs the scopes of all fields it can reach, whatever the data; of an',
    "interface or a union those of every possible type. Sensitive scopes need another manager's approval and an expiry.",
    '',
    '| scope | opens | sensitive | fields that ask for it |',
    '|---|---|---|---|',
    ...SCOPE_NAMES.map(
      (scope) =>
        `| \`${scope}\` | ${SCOPES[scope].grants} | ${SCOPES[scope].sensitive ? 'yes' : ''} | ${opens(scope)} |`,
    ),
    '',
    '## Fields',
    '',
    `${fields.length - forPartners.length} further fields are for managers of the clinic alone; a token can never read them.`,
    '',
    '| field | asks for | personal data |',
    '|---|---|---|',
    ...forPartners.map(([coordinate, one]) => `| \`${coordinate}\` | ${describe(one)} | ${one.pii ?? ''} |`),
  ].join('\n')}\n`;
}

function describe(requirement: FieldRequirement): string {
  if (!('scopes' in requirement)) return 'nothing but a token';
  return requirement.scopes.map((set) => set.map((scope) => `\`${scope}\``).join(' and ')).join(', or ');
}
