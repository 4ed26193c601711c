import { z } from 'zod';

/**
 * What message providers answer to a request to send. Their words are theirs: what is not of this form is nonsense.
 *
 * @see https://www.twilio.com/docs/messaging/api/message-resource
 * @see https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
 */
const code = z.int().min(1).max(999_999);

export const TwilioAccepted = z.object({ sid: z.string().regex(/^[\w.-]{8,64}$/) });
export const TwilioRefused = z.object({ code });

export const WhatsAppAccepted = z.object({
  messages: z.tuple([z.object({ id: z.string().regex(/^[\w.=+/-]{8,200}$/) })]),
});
export const WhatsAppRefused = z.object({ error: z.object({ code }) });
