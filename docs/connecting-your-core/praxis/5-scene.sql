-- For npm run core:verify alone, never for a clinic's database: a few rows, and how this core does what the suites ask for.
insert into appointment.clinic_settings (name, time_zone, default_currency) values ('Praxis', 'Asia/Riyadh', 'SAR');
insert into praxis.patient (nachname, vorname, mobil) values ('Al-Harbi', 'Noura', '+966501234567');
insert into praxis.behandler (name, fach) values ('Dr One', 'Orthodontics'), ('Dr Two', 'Endodontics');
insert into praxis.stuhl (bezeichnung) values ('1'), ('2');
insert into praxis.artikel (artikelnummer, bezeichnung, meldebestand, einkauf_cent) values ('A-1', 'Gloves', 5, 9900);
insert into praxis.bewegung (artikel_nr, menge) values (1, 500);

create schema core_verify;
grant usage on schema core_verify to core_app;

create function core_verify.issue_invoice(total_minor bigint) returns text language plpgsql as
$$
declare
  made praxis.rechnung;
begin
  insert into praxis.rechnung (patient_nr, betrag_cent, faellig) values (1, total_minor, current_date + 30) returning * into made;
  update praxis.rechnung set zustand = 'offen', ausgestellt = current_date where nr = made.nr;
  return made.kennung;
end
$$;

create function core_verify.collect_cash(invoice_id text, amount_minor bigint) returns text language sql as
$$
  insert into praxis.zahlung (rechnung_nr, cent, art) select nr, amount_minor, 'bar' from praxis.rechnung where kennung = invoice_id
  returning kennung
$$;

-- Something of this core's own that each event tells of; answers the public id of what it is about.
create function core_verify.happen(event_type text) returns text language plpgsql as
$$
declare
  id text;
  number integer;
  slots constant integer := (select count(*) from praxis.termin);
begin
  if event_type like 'appointment.%' or event_type = 'visit.completed' then
    insert into praxis.termin (patient_nr, behandler_nr, stuhl_nr, tag, beginn, dauer_minuten)
      values (1, 1, 1, date '2040-01-01' + slots, '10:00', 30) returning kennung, nr into id, number;
    if event_type = 'appointment.updated' then
      update praxis.termin set zustand = 'bestaetigt' where nr = number;
    elsif event_type = 'appointment.completed' then
      update praxis.termin set zustand = 'fertig', fertig_um = now() where nr = number;
    elsif event_type = 'visit.completed' then
      insert into praxis.sitzung (termin_nr) values (number) returning kennung, nr into id, number;
      insert into praxis.leistung (sitzung_nr, ziffer, bezeichnung) values (number, 'D1110', 'Cleaning');
      update praxis.sitzung set beendet = now() where nr = number;
    end if;
  elsif event_type = 'invoice.created' then
    id := core_verify.issue_invoice(5000);
  elsif event_type = 'payment.received' then
    id := core_verify.collect_cash(core_verify.issue_invoice(5000), 1000);
  elsif event_type = 'installment.overdue' then
    insert into praxis.rechnung (patient_nr, betrag_cent, faellig) values (1, 900, current_date + 30) returning nr into number;
    insert into praxis.rate (rechnung_nr, lfd, faellig, cent) values (number, 1, current_date - 5, 900) returning kennung into id;
    update praxis.rechnung set zustand = 'offen', ausgestellt = current_date where nr = number;
    perform billing.mark_overdue_installments();
  else
    insert into praxis.bewegung (artikel_nr, menge) select nr, meldebestand - bestand from praxis.artikel where nr = 1;
    insert into praxis.bewegung (artikel_nr, menge) values (1, 500);
    select kennung into id from praxis.artikel where nr = 1;
  end if;
  return id;
end
$$;
grant execute on all functions in schema core_verify to core_app;
