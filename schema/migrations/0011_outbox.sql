-- Events leave with the commit: triggers on the owning tables, whoever writes the row. Each names its columns, looks
-- nothing up and has nothing that could fail, so that no event of ours can stop the clinic's own write.
set local role bridgework_owner;

alter table outbox.events add constraint known_type check (type in ('appointment.created', 'appointment.updated',
  'appointment.completed', 'visit.completed', 'invoice.created', 'payment.received', 'installment.overdue',
  'inventory.low_stock', 'endpoint.test'));

-- For a core with tables of its own: one call in its trigger. Returns the event's id.
create function outbox.emit(
  type text, entity_type text, entity_id text, data jsonb, occurred_at timestamptz default now()
) returns text
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into outbox.events (type, entity_type, entity_id, data, occurred_at)
    values (type, entity_type, entity_id, data, occurred_at) returning id
$$;

create function outbox.appointment_data(
  id text, patient_id text, provider_id text, starts_at timestamptz, ends_at timestamptz, status text, source text,
  sequence integer
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', id, 'patient_id', patient_id, 'provider_id', provider_id, 'starts_at', starts_at,
    'ends_at', ends_at, 'status', status, 'source', source, 'sequence', sequence)
$$;

create function outbox.appointment_created() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into outbox.events (type, entity_type, entity_id, data) values ('appointment.created', 'appointment', new.id,
    outbox.appointment_data(new.id, new.patient_id, new.provider_id, new.starts_at, new.ends_at, new.status, new.source,
      new.sequence));
  return null;
end
$$;
create trigger emit_created after insert on appointment.appointments
  for each row execute function outbox.appointment_created();

-- appointment.note_change has put the event's id, the transaction and all that changed in it so far into the row. A
-- further change in the same transaction completes the event that nobody can have seen yet.
create function outbox.appointment_updated() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  snapshot constant jsonb := outbox.appointment_data(new.id, new.patient_id, new.provider_id, new.starts_at, new.ends_at,
    new.status, new.source, new.sequence) || jsonb_build_object('changed', to_jsonb(new.changed));
begin
  if new.change_event_id is distinct from old.change_event_id then
    insert into outbox.events (id, type, entity_type, entity_id, data)
      values (new.change_event_id, 'appointment.updated', 'appointment', new.id, snapshot);
  else
    update outbox.events as event set data = snapshot where event.id = new.change_event_id;
  end if;
  return null;
end
$$;
create trigger emit_updated after update on appointment.appointments
  for each row when (
    (new.starts_at, new.ends_at, new.provider_id, new.chair_id)
      is distinct from (old.starts_at, old.ends_at, old.provider_id, old.chair_id)
    or (new.status is distinct from old.status and new.status <> 'COMPLETED')
  ) execute function outbox.appointment_updated();

create function outbox.appointment_completed() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into outbox.events (type, entity_type, entity_id, data) values ('appointment.completed', 'appointment', new.id,
    jsonb_build_object('id', new.id, 'completed_at', new.completed_at));
  return null;
end
$$;
create trigger emit_completed after update on appointment.appointments
  for each row when (new.status = 'COMPLETED' and old.status <> 'COMPLETED')
  execute function outbox.appointment_completed();

create function outbox.visit_completed() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into outbox.events (type, entity_type, entity_id, data) values ('visit.completed', 'visit', new.id,
    jsonb_build_object('id', new.id, 'appointment_id', new.appointment_id, 'completed_at', new.completed_at,
      'procedure_count', new.procedure_count));
  return null;
end
$$;
create trigger emit_completed after update on appointment.visits
  for each row when (new.status = 'COMPLETED' and old.status <> 'COMPLETED')
  execute function outbox.visit_completed();

create function outbox.invoice_created() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into outbox.events (type, entity_type, entity_id, data) values ('invoice.created', 'invoice', new.id,
    jsonb_build_object('id', new.id, 'patient_id', new.patient_id, 'currency', new.currency,
      'total_minor', new.total_minor, 'due_on', new.due_on));
  return null;
end
$$;
create trigger emit_created after update on billing.invoices
  for each row when (old.status = 'DRAFT' and new.status = 'ISSUED') execute function outbox.invoice_created();

create function outbox.payment_received() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into outbox.events (type, entity_type, entity_id, data) values ('payment.received', 'payment', new.id,
    jsonb_build_object('id', new.id, 'invoice_id', new.invoice_id, 'amount_minor', new.amount_minor,
      'currency', new.currency, 'method', new.method, 'business_date', new.business_date,
      'late_posted', new.late_posted));
  return null;
end
$$;
create trigger b_emit_received after insert on billing.payments
  for each row execute function outbox.payment_received();

create function outbox.installment_overdue() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into outbox.events (type, entity_type, entity_id, data) values ('installment.overdue', 'installment',
    new.installment_id,
    jsonb_build_object('id', new.installment_id, 'invoice_id', new.invoice_id, 'number', new.number,
      'due_on', new.due_on, 'remaining_minor', new.remaining_minor, 'days_overdue', new.days_overdue));
  return null;
end
$$;
create trigger emit_overdue after insert on billing.overdue_marks
  for each row execute function outbox.installment_overdue();

-- Only the step from above to at or below: while it stays low nothing is said again; rising above re-arms it.
create function outbox.item_low() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into outbox.events (type, entity_type, entity_id, data) values ('inventory.low_stock', 'inventory_item', new.id,
    jsonb_build_object('item_id', new.id, 'sku', new.sku, 'on_hand', new.on_hand, 'reorder_point', new.reorder_point));
  return null;
end
$$;
create trigger emit_low_stock after update on inventory.items
  for each row when (old.on_hand > old.reorder_point and new.on_hand <= new.reorder_point)
  execute function outbox.item_low();

-- What an event says is final once its transaction has ended; only that it was fanned out is noted later.
create function outbox.guard_event() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.key, new.id, new.type, new.entity_type, new.entity_id, new.occurred_at, new.created_at)
    is distinct from (old.key, old.id, old.type, old.entity_type, old.entity_id, old.occurred_at, old.created_at)
    or (new.data is distinct from old.data and pg_trigger_depth() < 2) then
    raise exception 'an event does not change' using errcode = 'BW001';
  end if;
  return new;
end
$$;
create trigger guard_event before update on outbox.events
  for each row execute function outbox.guard_event();
create trigger refuse_delete before delete on outbox.events
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on outbox.events
  for each statement execute function base.refuse_change();

reset role;
