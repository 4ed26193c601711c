import { newId } from '@bridgework/kernel/ids';
import { addDays, dateOf } from './calendar.ts';
import { type Chance, createChance } from './chance.ts';
import type { ClinicData, ClinicSize, PatientData } from './clinic-data.ts';
import { ARABIC_FAMILY, ARABIC_GIVEN, CHAIRS, LATIN_FAMILY, LATIN_GIVEN, PROVIDERS } from './names.ts';
import { planAppointments } from './plan-appointments.ts';
import { planExpenses, planInvoices } from './plan-money.ts';
import { planItems, planMaterials } from './plan-stock.ts';
import { planVisits } from './plan-visits.ts';

/** Everything but the ids follows from the size's seed and the date of `now`. */
export function planClinic(size: ClinicSize, now: Date): ClinicData {
  const chance = createChance(size.seed);
  const today = dateOf(now);
  const dates = Array.from({ length: size.daysBefore + size.daysAfter + 1 }, (_, day) =>
    addDays(today, day - size.daysBefore),
  );
  const patients = Array.from({ length: size.patients }, (_, number) => planPatient(chance, number));
  const providers = PROVIDERS.slice(0, size.providers).map((provider) => ({ id: newId('prv'), ...provider }));
  const chairs = CHAIRS.slice(0, size.chairs).map((name) => ({ id: newId('chr'), name }));
  const appointments = planAppointments(chance, { dates, patients, providers, chairs, fullness: size.fullness, now });
  const visits = planVisits(chance, appointments);
  const invoices = planInvoices(chance, visits, now);
  const items = planItems(chance, size.items);
  const materials = planMaterials(chance, visits, items);
  const expenses = planExpenses(
    chance,
    dates.filter((date) => date <= today),
  );
  return { patients, providers, chairs, appointments, visits, invoices, items, materials, expenses, dates };
}

/** Phones stand in a block that is easily told: +966 50 000 xxxx, for a few +965 5000 xxxx. */
function planPatient(chance: Chance, number: number): PatientData {
  const isArabic = chance.happens(0.65);
  const fullName = isArabic
    ? `${chance.pick(ARABIC_GIVEN)} ${chance.pick(ARABIC_FAMILY)}`
    : `${chance.pick(LATIN_GIVEN)} ${chance.pick(LATIN_FAMILY)}`;
  const ending = String(number).padStart(4, '0');
  return {
    id: newId('pat'),
    full_name: fullName,
    phone_e164: chance.happens(0.05) ? `+9655000${ending}` : `+96650000${ending}`,
    email: chance.happens(0.7) ? `patient${number}@example.com` : null,
    locale: isArabic ? 'ar' : 'en',
    consents: { sms: chance.happens(0.9), whatsapp: chance.happens(0.6) },
  };
}
