-- One call of outbox.emit in a trigger per event, with the columns of the event's contract and nothing else. A trigger runs
-- in the clinic's own transaction: what is rolled back was never told. installment.overdue comes from our daily look.
set local role praxis_owner;

create function praxis.termin_folge() returns trigger language plpgsql
  set search_path = pg_catalog, pg_temp as
$$ begin new.folge := old.folge + 1; new.geaendert := base.written_at(); return new; end $$;
create trigger folge before update on praxis.termin for each row execute function praxis.termin_folge();

create function praxis.termin_melden() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as
$$
declare
  zone constant text := base.clinic_time_zone();
  data jsonb := jsonb_build_object('id', new.kennung,
    'patient_id', (select kennung from praxis.patient where nr = new.patient_nr),
    'provider_id', (select kennung from praxis.behandler where nr = new.behandler_nr),
    'starts_at', (new.tag + new.beginn) at time zone zone,
    'ends_at', (new.tag + new.beginn + make_interval(mins => new.dauer_minuten)) at time zone zone,
    'status', case new.zustand when 'geplant' then 'SCHEDULED' when 'bestaetigt' then 'CONFIRMED' when 'laeuft' then 'IN_PROGRESS'
      when 'fertig' then 'COMPLETED' when 'abgesagt' then 'CANCELLED' else 'NO_SHOW' end,
    'source', case when new.partner is null then 'CLINIC' else 'IMPORT' end, 'sequence', new.folge);
  changed text[];
begin
  if tg_op = 'INSERT' then
    perform outbox.emit('appointment.created', 'appointment', new.kennung, data);
    return null;
  end if;
  if new.zustand = 'fertig' and old.zustand <> 'fertig' then
    perform outbox.emit('appointment.completed', 'appointment', new.kennung,
      jsonb_build_object('id', new.kennung, 'completed_at', new.fertig_um));
  end if;
  changed := array_remove(array[
    case when (new.tag, new.beginn) is distinct from (old.tag, old.beginn) then 'starts_at' end,
    case when new.tag + new.beginn + make_interval(mins => new.dauer_minuten)
      is distinct from old.tag + old.beginn + make_interval(mins => old.dauer_minuten) then 'ends_at' end,
    case when new.behandler_nr <> old.behandler_nr then 'provider_id' end,
    case when new.stuhl_nr <> old.stuhl_nr then 'chair_id' end,
    case when new.zustand <> old.zustand and new.zustand <> 'fertig' then 'status' end], null);
  if cardinality(changed) > 0 then
    perform outbox.emit('appointment.updated', 'appointment', new.kennung, data || jsonb_build_object('changed', changed));
  end if;
  return null;
end
$$;
create trigger melden after insert or update on praxis.termin for each row execute function praxis.termin_melden();

create function praxis.sitzung_geaendert() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as
$$ begin new.geaendert := base.written_at(); return new; end $$;
create trigger geaendert before update on praxis.sitzung
  for each row execute function praxis.sitzung_geaendert();

create function praxis.sitzung_melden() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as
$$
begin
  perform outbox.emit('visit.completed', 'visit', new.kennung, jsonb_build_object('id', new.kennung,
    'appointment_id', (select kennung from praxis.termin where nr = new.termin_nr), 'completed_at', new.beendet,
    'procedure_count', (select count(*) from praxis.leistung where sitzung_nr = new.nr)));
  return null;
end
$$;
create trigger melden after update on praxis.sitzung
  for each row when (old.beendet is null and new.beendet is not null) execute function praxis.sitzung_melden();

create function praxis.rechnung_melden() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as
$$
begin
  perform outbox.emit('invoice.created', 'invoice', new.kennung, jsonb_build_object('id', new.kennung,
    'patient_id', (select kennung from praxis.patient where nr = new.patient_nr), 'currency', 'SAR',
    'total_minor', new.betrag_cent, 'due_on', new.faellig));
  return null;
end
$$;
create trigger melden after update on praxis.rechnung
  for each row when (old.zustand = 'entwurf' and new.zustand = 'offen') execute function praxis.rechnung_melden();

create function praxis.zahlung_melden() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as
$$
begin
  perform outbox.emit('payment.received', 'payment', new.kennung, jsonb_build_object('id', new.kennung,
    'invoice_id', (select kennung from praxis.rechnung where nr = new.rechnung_nr), 'amount_minor', new.cent,
    'currency', 'SAR', 'method', case new.art when 'bar' then 'CASH' when 'karte' then 'CARD' else 'TRANSFER' end,
    'business_date', new.kassentag, 'late_posted', new.nachgebucht));
  return null;
end
$$;
create trigger b_melden after insert on praxis.zahlung for each row execute function praxis.zahlung_melden();

create function praxis.artikel_melden() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as
$$
begin
  perform outbox.emit('inventory.low_stock', 'inventory_item', new.kennung, jsonb_build_object('item_id', new.kennung,
    'sku', new.artikelnummer, 'on_hand', new.bestand, 'reorder_point', new.meldebestand));
  return null;
end
$$;
create trigger melden after update on praxis.artikel
  for each row when (old.bestand > old.meldebestand and new.bestand <= new.meldebestand) execute function praxis.artikel_melden();
reset role;
