import { existsSync, readFileSync } from 'node:fs';
import { type DevelopmentIssuer, HUDA, OMAR, type StaffMember } from './development-issuer.ts';
import { PlainError } from './plain-error.ts';
import type { FrontDoor } from './provision/front-door.ts';
import { type PartnerPlan, RECALL_PARTNER, TERMINAL_PARTNER } from './provision/partners.ts';
import { issueToken, type ProvisionedPartner, provisionPartner } from './provision/provision-partner.ts';
import { type ProvisionedWebhook, provisionWebhook } from './provision/provision-webhook.ts';
import { writePrivately } from './secrets.ts';

/** What `.data/sandbox-credentials.json` holds. */
export interface SandboxCredentials {
  readonly gateway_url: string;
  readonly managers: readonly { readonly name: string; readonly jwt: string }[];
  readonly partners: readonly ProvisionedPartner[];
  readonly webhook: ProvisionedWebhook;
}

export interface CredentialsOptions {
  readonly file: string;
  readonly gatewayUrl: string;
  readonly receiverUrl: string;
  readonly issuer: DevelopmentIssuer;
  readonly say: (sentence: string) => void;
}

const DAY_MS = 86_400_000;

/**
 * Signs the managers in afresh and makes sure the example partners work: entered through the front door on the first
 * start, remembered later, with a new token when the old one is about to expire.
 */
export async function provideCredentials(options: CredentialsOptions): Promise<SandboxCredentials> {
  const door: FrontDoor = { graphqlUrl: `${options.gatewayUrl}/graphql` };
  const managers = await signInManagers(options.issuer);
  const [asks, approves] = managers.map(({ jwt }) => jwt);
  if (asks === undefined || approves === undefined) throw new Error('The sandbox has two managers.');
  const known = readCredentials(options.file);

  const partners: ProvisionedPartner[] = [];
  for (const plan of [RECALL_PARTNER, TERMINAL_PARTNER]) {
    const before = known?.partners.find(({ name }) => name === plan.name);
    if (before === undefined) options.say(`Entering ${plan.name} through the front door …`);
    partners.push(
      before === undefined
        ? await provisionPartner(door, { asks, approves }, plan)
        : await renewWhenExpiring(door, asks, plan, before),
    );
  }
  const integrationId = partners[0]?.integration_id ?? '';
  const isSameReceiver = known?.webhook.receiver_url === options.receiverUrl;
  const webhook =
    known !== undefined && isSameReceiver
      ? known.webhook
      : await provisionWebhook(door, asks, { integrationId, receiverUrl: options.receiverUrl });
  const credentials = { gateway_url: options.gatewayUrl, managers, partners, webhook };
  writePrivately(options.file, credentials);
  return credentials;
}

/** Fresh sign-ins of the managers, beside what is known of the partners; needs no running sandbox. */
export async function refreshCredentials(
  file: string,
  openIssuer: () => Promise<DevelopmentIssuer>,
): Promise<SandboxCredentials> {
  const known = readCredentials(file);
  if (known === undefined) throw new PlainError('There are no credentials yet: npm start makes them.');
  const credentials = { ...known, managers: await signInManagers(await openIssuer()) };
  writePrivately(file, credentials);
  return credentials;
}

export function readCredentials(file: string): SandboxCredentials | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as SandboxCredentials;
  } catch {
    // Half a file is as good as none: the partners are found by name, and get new tokens.
    return undefined;
  }
}

const signInManagers = (issuer: DevelopmentIssuer) =>
  Promise.all(
    [HUDA, OMAR].map(async (person: StaffMember) => ({ name: person.name, jwt: await issuer.signIn(person) })),
  );

async function renewWhenExpiring(
  door: FrontDoor,
  jwt: string,
  plan: PartnerPlan,
  partner: ProvisionedPartner,
): Promise<ProvisionedPartner> {
  if (Date.parse(partner.token_expires_at) - Date.now() > DAY_MS) return partner;
  return { ...partner, ...(await issueToken(door, jwt, partner.integration_id, plan)) };
}
