import { DomainError } from '@bridgework/kernel/errors';
import type { MessageCallbackTaken } from '@bridgework/schema';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RegistryClient } from '../control/registry-client.ts';
import { refusalOf } from '../rest/problem.ts';
import { writeCommonHeaders, writeProblem } from '../rest/reply.ts';
import { fromFramework } from '../rest/unknown-requests.ts';
import { API_VERSION } from '../rest/versions.ts';

export interface CallbackOptions {
  readonly client: Pick<RegistryClient, 'messageCallback' | 'messageSubscription'>;
  /** Public origin: providers sign the address that they call. */
  readonly publicUrl: string | undefined;
  readonly reportFailure: (error: unknown, requestId: string) => void;
}

/** A receipt is small; Meta gathers several. */
const MAX_BODY_BYTES = 256 * 1024;
const PATH = '/api/v1/callbacks/messages/:provider';
const SIGNATURE_HEADERS = ['x-twilio-signature', 'x-hub-signature-256'];

/**
 * Where message providers say what became of messages, and what patients answered. Their signature is all the identity
 * they have, and the registry judges it: this process holds no secret of theirs. Not part of partners' reference.
 *
 * @see docs/rules.md#messages
 */
export function registerCallbacks(app: FastifyInstance, options: CallbackOptions): void {
  app.register((callbacks, _options, done) => {
    callbacks.removeAllContentTypeParsers();
    callbacks.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    const baseUrl = (options.publicUrl ?? '').replace(/\/$/, '');
    callbacks.addHook('onRequest', async (_request, reply) => writeCommonHeaders(reply, API_VERSION));
    callbacks.setErrorHandler((error, request, reply) => {
      const refusal = refusalOf(fromFramework(error) ?? error);
      if (refusal.code === 'INTERNAL') options.reportFailure(refusal.cause, request.id);
      return writeProblem(reply, refusal, baseUrl);
    });
    callbacks.post<ProviderRequest>(PATH, { bodyLimit: MAX_BODY_BYTES }, (request, reply) =>
      takeCallback(options, baseUrl, request, reply),
    );
    callbacks.get<ProviderRequest>(PATH, (request, reply) => answerSubscription(options, request, reply));
    callbacks.route({
      method: ['PUT', 'PATCH', 'DELETE', 'OPTIONS'],
      url: PATH,
      handler: (_request, reply) => {
        reply.header('allow', 'GET, HEAD, POST');
        throw new DomainError('METHOD_NOT_ALLOWED');
      },
    });
    done();
  });
}

interface ProviderRequest {
  Params: { provider: string };
  Querystring: Record<string, string | string[] | undefined>;
}

async function takeCallback(
  { client, publicUrl }: CallbackOptions,
  baseUrl: string,
  request: FastifyRequest<ProviderRequest>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { provider } = request.params;
  const signature = SIGNATURE_HEADERS.map((name) => request.headers[name]).find((value) => value !== undefined);
  // Without one nobody behind this door is troubled.
  if (typeof signature !== 'string' || signature.length > MAX_SIGNATURE) throw new DomainError('INVALID_TOKEN');
  const origin = publicUrl === undefined ? `${request.protocol}://${request.host}` : baseUrl;
  const body = readText(request.body);
  const taken: MessageCallbackTaken = await away(
    client.messageCallback({ provider, url: `${origin}${request.raw.url ?? ''}`, body, signature }),
  );
  if (!taken.known) throw new DomainError('NOT_FOUND');
  if (!taken.taken) throw new DomainError('INVALID_TOKEN');
  return reply.code(204).send();
}

const MAX_SIGNATURE = 200;

function readText(body: unknown): string {
  if (!Buffer.isBuffer(body)) return '';
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw new DomainError('MALFORMED_JSON', { detail: 'The body is not UTF-8.', cause });
  }
}

/** Meta asks once whether this address is ours, before it sends anything to it. @see Webhooks, verification requests */
async function answerSubscription(
  { client }: CallbackOptions,
  request: FastifyRequest<ProviderRequest>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { 'hub.mode': mode, 'hub.verify_token': token, 'hub.challenge': challenge } = request.query;
  const isAsked = request.params.provider === 'whatsapp' && mode === 'subscribe' && typeof token === 'string';
  if (!isAsked || typeof challenge !== 'string' || !/^[\w-]{1,100}$/.test(challenge))
    throw new DomainError('NOT_FOUND');
  const { known } = await away(client.messageSubscription({ token }));
  if (!known) throw new DomainError('INVALID_TOKEN');
  return reply.code(200).type('text/plain; charset=utf-8').send(challenge);
}

/** While the registry is away nothing is taken: who is answered 503 calls again. */
async function away<Answer>(asked: Promise<Answer>): Promise<Answer> {
  try {
    return await asked;
  } catch (cause) {
    throw new DomainError('TEMPORARILY_UNAVAILABLE', { cause });
  }
}
