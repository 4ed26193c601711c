-- An amount never travels without its currency: installment.overdue names it, as invoice.created and payment.received do.
set local role bridgework_owner;

create or replace function outbox.installment_overdue() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into outbox.events (type, entity_type, entity_id, data) values ('installment.overdue', 'installment',
    new.installment_id,
    jsonb_build_object('id', new.installment_id, 'invoice_id', new.invoice_id, 'number', new.number,
      'due_on', new.due_on, 'currency', new.currency, 'remaining_minor', new.remaining_minor,
      'days_overdue', new.days_overdue));
  return null;
end
$$;

-- Events of before say so too, or they could not be delivered any more: each has its mark, which knows the currency. The
-- guard against changed events lets nobody through, hence it rests for this one statement.
alter table outbox.events disable trigger guard_event;
update outbox.events as event set data = event.data || jsonb_build_object('currency', mark.currency)
  from billing.overdue_marks as mark
  where event.type = 'installment.overdue' and event.entity_id = mark.installment_id and not event.data ? 'currency';
alter table outbox.events enable trigger guard_event;

reset role;
