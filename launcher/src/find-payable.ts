import postgres from 'postgres';
import type { BannerInput } from './banner.ts';

/** Small, so that the banner's payment can be tried on every start however much was paid before. */
const AMOUNT_MINOR = 100;

/** An invoice that something is owed on, for the banner to pay a little of; undefined when all is paid. */
export async function findPayable(ownerUrl: string): Promise<BannerInput['payable']> {
  const sql = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    const [row] = await sql<{ id: string; currency: string }[]>`
      select id, currency from billing.invoices
      where status in ('ISSUED', 'PARTIALLY_PAID') and currency = 'SAR' and total_minor - paid_minor >= ${AMOUNT_MINOR}
      order by total_minor - paid_minor desc, key limit 1`;
    return row && { invoiceId: row.id, amountMinor: AMOUNT_MINOR, currency: row.currency };
  } finally {
    await sql.end({ timeout: 5 });
  }
}
