-- A clinic's own core, as it was before anybody connected it: other names, integer cents, local dates and times, states
-- in German, its own numbers as keys. Nothing in this file knows of Bridgework.
do $$ begin
  create role praxis_owner nologin;
exception when duplicate_object or unique_violation then null;
end $$;

create schema praxis authorization praxis_owner;
set local role praxis_owner;

create table praxis.patient (nr integer generated always as identity primary key, nachname text not null, vorname text not null, mobil text);
create table praxis.behandler (nr integer generated always as identity primary key, name text not null, fach text not null, aktiv boolean not null default true);
create table praxis.stuhl (nr integer generated always as identity primary key, bezeichnung text not null, aktiv boolean not null default true);

create table praxis.termin (
  nr integer generated always as identity primary key,
  patient_nr integer not null references praxis.patient,
  behandler_nr integer not null references praxis.behandler,
  stuhl_nr integer not null references praxis.stuhl,
  tag date not null,
  beginn time(0) not null,
  dauer_minuten integer not null check (dauer_minuten between 5 and 720),
  zustand text not null default 'geplant'
    check (zustand in ('geplant', 'bestaetigt', 'laeuft', 'fertig', 'abgesagt', 'nicht erschienen')),
  fertig_um timestamptz(3)
);
create table praxis.sitzung (
  nr integer generated always as identity primary key,
  termin_nr integer not null unique references praxis.termin,
  begonnen timestamptz(3) not null default now(),
  beendet timestamptz(3)
);
create table praxis.leistung (nr integer generated always as identity primary key, sitzung_nr integer not null references praxis.sitzung, ziffer text not null, bezeichnung text not null, zahn text, um timestamptz(3) not null default now());
create table praxis.bild (
  nr integer generated always as identity primary key,
  patient_nr integer not null references praxis.patient,
  sitzung_nr integer references praxis.sitzung,
  studie text not null, serie text not null, instanz text not null, art text not null, aufgenommen timestamptz(3) not null,
  ort text not null check (ort like 'https://%'), typ text not null, groesse bigint not null check (groesse > 0),
  pruefsumme text not null, geraet text
);

create table praxis.rechnung (
  nr integer generated always as identity primary key,
  patient_nr integer not null references praxis.patient,
  sitzung_nr integer references praxis.sitzung,
  betrag_cent integer not null check (betrag_cent > 0),
  gezahlt_cent integer not null default 0,
  zustand text not null default 'entwurf' check (zustand in ('entwurf', 'offen', 'storno')),
  ausgestellt date, faellig date not null, storniert date,
  angelegt timestamptz(3) not null default now(),
  constraint nie_ueberzahlt check (gezahlt_cent between 0 and betrag_cent)
);
create table praxis.posten (nr integer generated always as identity primary key, rechnung_nr integer not null references praxis.rechnung, lfd smallint not null, bezeichnung text not null, menge integer not null default 1, cent integer not null);
create table praxis.rate (nr integer generated always as identity primary key, rechnung_nr integer not null references praxis.rechnung, lfd smallint not null, faellig date not null, cent integer not null check (cent > 0));
create table praxis.zahlung (
  nr integer generated always as identity primary key,
  rechnung_nr integer not null references praxis.rechnung,
  cent integer not null check (cent > 0),
  art text not null check (art in ('bar', 'karte', 'ueberweisung')),
  erfasst timestamptz(3) not null default now(),
  gebucht timestamptz(3) not null default now()
);

create table praxis.artikel (
  nr integer generated always as identity primary key,
  artikelnummer text not null unique, bezeichnung text not null,
  bestand integer not null default 0 check (bestand >= 0),
  meldebestand integer not null default 0,
  einkauf_cent integer
);
create table praxis.bewegung (nr integer generated always as identity primary key, artikel_nr integer not null references praxis.artikel, menge integer not null check (menge <> 0), sitzung_nr integer references praxis.sitzung, um timestamptz(3) not null default now());

-- What happened stays.
create function praxis.nur_anfuegen() returns trigger language plpgsql as
$$ begin raise exception '% is append-only', tg_table_name using errcode = 'BW001'; end $$;
create trigger bleibt before update or delete on praxis.zahlung for each row execute function praxis.nur_anfuegen();
create trigger bleibt_ganz before truncate on praxis.zahlung for each statement execute function praxis.nur_anfuegen();
create trigger bleibt before update or delete on praxis.bewegung for each row execute function praxis.nur_anfuegen();
create trigger bleibt_ganz before truncate on praxis.bewegung for each statement execute function praxis.nur_anfuegen();
create trigger bleibt before update or delete on praxis.leistung for each row execute function praxis.nur_anfuegen();
create trigger bleibt before update or delete on praxis.bild for each row execute function praxis.nur_anfuegen();

-- The only writers of what is paid and what is on the shelf.
create function praxis.zahlung_anrechnen() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as
$$
begin
  update praxis.rechnung set gezahlt_cent = gezahlt_cent + new.cent where nr = new.rechnung_nr and zustand = 'offen';
  if not found then
    raise exception 'nothing is owed on this invoice' using errcode = '23514';
  end if;
  return null;
end
$$;
create trigger a_anrechnen after insert on praxis.zahlung for each row execute function praxis.zahlung_anrechnen();
create function praxis.bestand_fuehren() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as
$$ begin update praxis.artikel set bestand = bestand + new.menge where nr = new.artikel_nr; return null; end $$;
create trigger fuehren after insert on praxis.bewegung for each row execute function praxis.bestand_fuehren();

grant usage on schema praxis to core_app;
grant select, insert on all tables in schema praxis to core_app;
grant update (tag, beginn, dauer_minuten, behandler_nr, stuhl_nr, zustand, fertig_um) on praxis.termin to core_app;
grant update (beendet) on praxis.sitzung to core_app;
grant update (zustand, ausgestellt, storniert, faellig) on praxis.rechnung to core_app;
reset role;
