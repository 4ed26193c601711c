-- Connects the core of 1-core.sql: our tables give way to read views over its own, its triggers emit the eight events,
-- and the external writes go to its tables. Run by the database's owner, after every migration, in one transaction.
grant usage on schema base, outbox, billing, appointment to praxis_owner;
grant execute on function base.new_id(text), base.written_at(), base.new_reference(), base.crockford(bigint, integer), base.local_date(timestamptz),
  base.clinic_time_zone(), outbox.emit(text, text, text, jsonb, timestamptz), billing.open_business_day(timestamptz),
  billing.lock_business_day(date), billing.lock_terminal_transaction(text, text, text) to praxis_owner;

-- What our contract needs beyond the clinic's own columns ---------------------------------------------------------------
-- A random public id for each row that partners can see; the clinic's numbers count its business and never leave.
set local role praxis_owner;
alter table praxis.patient add column kennung text not null unique default base.new_id('pat');
alter table praxis.behandler add column kennung text not null unique default base.new_id('prv');
alter table praxis.stuhl add column kennung text not null unique default base.new_id('chr');
alter table praxis.termin add column kennung text not null unique default base.new_id('apt'),
  add column folge integer not null default 1, add column geaendert timestamptz(3) not null default base.written_at(),
  add column angelegt timestamptz(3) not null default now(),
  add column partner text, add column fremd_nr text, add column import_key bigint, add unique (partner, fremd_nr),
  add check ((partner is null) = (fremd_nr is null)),
  -- The clinic has checked this in its program alone; races need it in the database.
  add constraint behandler_frei exclude using gist (behandler_nr with =,
    tsrange(tag + beginn, tag + beginn + make_interval(mins => dauer_minuten)) with &&)
    where (zustand in ('geplant', 'bestaetigt', 'laeuft')),
  add constraint stuhl_frei exclude using gist (stuhl_nr with =,
    tsrange(tag + beginn, tag + beginn + make_interval(mins => dauer_minuten)) with &&)
    where (zustand in ('geplant', 'bestaetigt', 'laeuft'));
alter table praxis.sitzung add column kennung text not null unique default base.new_id('vis'),
  add column geaendert timestamptz(3) not null default base.written_at();
alter table praxis.leistung add column kennung text not null unique default base.new_id('prc');
alter table praxis.bild add column kennung text not null unique default base.new_id('img'), add column partner text,
  add column angelegt timestamptz(3) not null default now(), add unique (partner, instanz);
alter table praxis.rechnung add column kennung text not null unique default base.new_id('inv'),
  add column zeichen text not null unique default base.new_reference(), add column geaendert timestamptz(3) not null default now();
alter table praxis.rate add column kennung text not null unique default base.new_id('ins');
alter table praxis.zahlung add column kennung text not null unique default base.new_id('pay'),
  add column kassentag date, add column nachgebucht boolean,
  add column partner text, add column terminal text, add column vorgang text, add column karte text,
  add column karte_ende text, add column freigabe text, add unique (partner, terminal, vorgang),
  add check (num_nulls(partner, terminal, vorgang) in (0, 3));
alter table praxis.artikel add column kennung text not null unique default base.new_id('itm'),
  add column geaendert timestamptz(3) not null default now();

-- Our calendar of business days decides where a payment belongs; a closed day takes no more, whoever collects.
create function praxis.zahlung_einordnen() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as
$$
begin
  -- The same order of locks as everywhere: the invoice first, then its day.
  perform 1 from praxis.rechnung where nr = new.rechnung_nr for no key update;
  if new.partner is not null and new.erfasst > now() + interval '5 minutes' then
    raise exception 'nothing is captured in the future' using errcode = 'BW004';
  end if;
  select business_date, late_posted into new.kassentag, new.nachgebucht from billing.open_business_day(new.erfasst);
  return new;
end
$$;
create trigger einordnen before insert on praxis.zahlung for each row execute function praxis.zahlung_einordnen();
alter table praxis.zahlung add check (kassentag is not null and nachgebucht is not null);
grant select on all tables in schema praxis to bridgework_owner;
grant usage on schema praxis to bridgework_owner;
reset role;

-- Views with our columns --------------------------------------------------------------------------------------------------
drop table appointment.patients, appointment.providers, appointment.chairs, appointment.appointments, appointment.visits,
  appointment.visit_procedures, appointment.imaging_references, billing.invoices, billing.invoice_lines,
  billing.installments, billing.payments, inventory.items, inventory.stock_movements, inventory.visit_materials cascade;
set local role bridgework_owner;

create view appointment.patients as select nr::bigint as key, kennung as id, vorname || ' ' || nachname as full_name,
  mobil as phone_e164, null::text as email, 'ar'::text as locale, '{}'::jsonb as consents,
  null::timestamptz(3) as created_at, null::timestamptz(3) as updated_at from praxis.patient;
create view appointment.providers as
  select nr::bigint as key, kennung as id, name, fach as specialty, aktiv as active from praxis.behandler;
create view appointment.chairs as select nr::bigint as key, kennung as id, bezeichnung as name, aktiv as active from praxis.stuhl;
create view appointment.appointments as
  select t.nr::bigint as key, t.kennung as id, p.kennung as patient_id, b.kennung as provider_id, s.kennung as chair_id,
    ((t.tag + t.beginn) at time zone base.clinic_time_zone())::timestamptz(3) as starts_at,
    ((t.tag + t.beginn + make_interval(mins => t.dauer_minuten)) at time zone base.clinic_time_zone())::timestamptz(3) as ends_at,
    case t.zustand when 'geplant' then 'SCHEDULED' when 'bestaetigt' then 'CONFIRMED' when 'laeuft' then 'IN_PROGRESS'
      when 'fertig' then 'COMPLETED' when 'abgesagt' then 'CANCELLED' else 'NO_SHOW' end as status,
    case when t.partner is null then 'CLINIC' else 'IMPORT' end as source, t.partner as imported_by_integration_id,
    t.fremd_nr as external_id, t.import_key, t.folge as sequence, t.fertig_um as completed_at, t.angelegt as created_at,
    t.geaendert as updated_at
  from praxis.termin t join praxis.patient p on p.nr = t.patient_nr join praxis.behandler b on b.nr = t.behandler_nr
    join praxis.stuhl s on s.nr = t.stuhl_nr;
create view appointment.visits as
  select v.nr::bigint as key, v.kennung as id, t.kennung as appointment_id, p.kennung as patient_id, b.kennung as provider_id,
    case when v.beendet is null then 'OPEN' else 'COMPLETED' end as status, v.begonnen as started_at,
    v.beendet as completed_at, (select count(*)::integer from praxis.leistung l where l.sitzung_nr = v.nr) as procedure_count,
    v.begonnen as created_at, v.geaendert as updated_at
  from praxis.sitzung v join praxis.termin t on t.nr = v.termin_nr join praxis.patient p on p.nr = t.patient_nr
    join praxis.behandler b on b.nr = t.behandler_nr;
create view appointment.visit_procedures as select nr::bigint as key, kennung as id, sitzung_nr::bigint as visit_key,
  ziffer as code, bezeichnung as name, zahn as tooth, um as performed_at from praxis.leistung;
create view appointment.imaging_references as
  select i.nr::bigint as key, i.kennung as id, p.kennung as patient_id, v.kennung as visit_id,
    i.partner as submitted_by_integration_id, i.studie as study_uid, i.serie as series_uid, i.instanz as sop_instance_uid,
    i.art as modality, i.aufgenommen as taken_at, i.ort as uri, i.typ as content_type, i.groesse as byte_size,
    i.pruefsumme as sha256, i.geraet as device, i.angelegt as created_at
  from praxis.bild i join praxis.patient p on p.nr = i.patient_nr left join praxis.sitzung v on v.nr = i.sitzung_nr;
create view billing.invoices as
  select r.nr::bigint as key, r.kennung as id, r.zeichen as reference, r.nr::text as number, p.kennung as patient_id,
    v.kennung as visit_id, 'SAR'::text as currency, r.betrag_cent::bigint as total_minor, r.gezahlt_cent::bigint as paid_minor,
    case when r.zustand = 'entwurf' then 'DRAFT' when r.zustand = 'storno' then 'VOID'
      when r.gezahlt_cent = r.betrag_cent then 'PAID' when r.gezahlt_cent > 0 then 'PARTIALLY_PAID' else 'ISSUED' end as status,
    r.ausgestellt as issued_on, r.faellig as due_on, r.storniert as voided_on, r.angelegt as created_at, r.geaendert as updated_at
  from praxis.rechnung r join praxis.patient p on p.nr = r.patient_nr left join praxis.sitzung v on v.nr = r.sitzung_nr;
create view billing.invoice_lines as select nr::bigint as key, rechnung_nr::bigint as invoice_key, lfd as position,
  bezeichnung as description, menge as quantity, cent::bigint as amount_minor from praxis.posten;
create view billing.installments as select nr::bigint as key, kennung as id, rechnung_nr::bigint as invoice_key,
  lfd as number, faellig as due_on, cent::bigint as amount_minor from praxis.rate;
create view billing.payments as
  select z.nr::bigint as key, z.kennung as id, r.kennung as invoice_id, 'SAR'::text as currency, z.cent::bigint as amount_minor,
    case z.art when 'bar' then 'CASH' when 'karte' then 'CARD' else 'TRANSFER' end as method, z.erfasst as captured_at,
    z.kassentag as business_date, z.nachgebucht as late_posted, z.partner as integration_id, z.terminal as terminal_id,
    z.vorgang as terminal_txn_id, z.karte as card_scheme, z.karte_ende as card_last4, z.freigabe as approval_code,
    z.gebucht as created_at
  from praxis.zahlung z join praxis.rechnung r on r.nr = z.rechnung_nr;
-- No cost: what a view does not name cannot be granted by mistake.
create view inventory.items as select nr::bigint as key, kennung as id, artikelnummer as sku, bezeichnung as name,
  'piece'::text as unit, bestand as on_hand, meldebestand as reorder_point, true as active,
  geaendert as created_at, geaendert as updated_at from praxis.artikel;
create view inventory.stock_movements as select m.nr::bigint as key, m.artikel_nr::bigint as item_key, m.menge as quantity,
  case when m.sitzung_nr is not null then 'USE' when m.menge > 0 then 'PURCHASE' else 'ADJUSTMENT' end as reason,
  v.kennung as visit_id, m.um as moved_at from praxis.bewegung m left join praxis.sitzung v on v.nr = m.sitzung_nr;
create view inventory.visit_materials as select m.nr::bigint as key, v.kennung as visit_id, m.artikel_nr::bigint as item_key,
  -m.menge as quantity, m.um as used_at from praxis.bewegung m join praxis.sitzung v on v.nr = m.sitzung_nr where m.menge < 0;

-- To read, and for our subgraphs alone: a simple view can be written through by whoever has the right.
grant select on appointment.patients, appointment.providers, appointment.chairs, appointment.appointments,
  appointment.visits, appointment.visit_procedures, appointment.imaging_references to bridgework_appointment;
grant select on billing.invoices, billing.invoice_lines, billing.installments, billing.payments to bridgework_billing;
grant select on inventory.items, inventory.stock_movements, inventory.visit_materials to bridgework_inventory;
reset role;
