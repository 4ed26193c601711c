import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a receiver without a JSON canonicalisation library writes: cut the last member out, check the rest. */
export function verifyBody(body: string, secret: string): boolean {
  const cut = body.lastIndexOf(',"signature":"');
  if (cut < 0 || !body.endsWith('"}')) return false;
  const signed = `${body.slice(0, cut)}}`;
  const given = body.slice(cut + ',"signature":"'.length, -2);
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = createHmac('sha256', key).update(signed).digest();
  return given.split(' ').some((one) => {
    const [version, signature] = one.split(',');
    const bytes = Buffer.from(signature ?? '', 'base64');
    return version === 'v1' && bytes.length === expected.length && timingSafeEqual(bytes, expected);
  });
}
