-- What the ledger holds to, whoever writes.
set local role bridgework_owner;

-- Business days ------------------------------------------------------------------------------------------------------
create trigger a_guard_status before update on billing.business_days
  for each row execute function base.guard_status('OPEN', 'OPEN>CLOSED');
create trigger a_guard_status before update on billing.months
  for each row execute function base.guard_status('OPEN', 'OPEN>CLOSED');

create function billing.guard_closed_period() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' then
    raise exception '%.% keeps every day', tg_table_schema, tg_table_name using errcode = 'BW001';
  end if;
  if old.status = 'CLOSED' then
    raise exception 'a closed period does not change' using errcode = 'BW004';
  end if;
  -- One function for two tables: a column that the other lacks cannot be named as new.month.
  if to_jsonb(new) ->> 'business_date' is distinct from to_jsonb(old) ->> 'business_date'
    or to_jsonb(new) ->> 'month' is distinct from to_jsonb(old) ->> 'month' then
    raise exception 'a business day or month does not move' using errcode = 'BW004';
  end if;
  return new;
end
$$;
create trigger b_guard_closed_period before update or delete on billing.business_days
  for each row execute function billing.guard_closed_period();
create trigger refuse_truncate before truncate on billing.business_days
  for each statement execute function base.refuse_change();
create trigger b_guard_closed_period before update or delete on billing.months
  for each row execute function billing.guard_closed_period();
create trigger refuse_truncate before truncate on billing.months
  for each statement execute function base.refuse_change();

-- Holds a day against closing (FOR SHARE) until the transaction ends, and says whether it is OPEN or CLOSED.
create function billing.lock_business_day(business_date date) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  found_status text;
begin
  select day.status into found_status from billing.business_days as day
    where day.business_date = lock_business_day.business_date for share;
  if not found then
    insert into billing.business_days (business_date) values (lock_business_day.business_date) on conflict do nothing;
    select day.status into strict found_status from billing.business_days as day
      where day.business_date = lock_business_day.business_date for share;
  end if;
  return found_status;
end
$$;

-- The business date of what was captured at an instant: its clinic-local day if that is open, else the next open day
-- (then late_posted). The day stays open until the transaction ends.
create function billing.open_business_day(captured_at timestamptz, out business_date date, out late_posted boolean)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  captured_on constant date := base.local_date(captured_at);
begin
  if captured_on > base.local_date(now()) + 1 then
    raise exception 'nothing can be captured in the future' using errcode = 'BW004';
  end if;
  business_date := captured_on;
  while billing.lock_business_day(business_date) <> 'OPEN' loop
    business_date := business_date + 1;
  end loop;
  late_posted := business_date <> captured_on;
end
$$;

-- Closes a day for good. False when it was closed already.
create function billing.close_business_day(business_date date, closed_by text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  found_status text;
begin
  if business_date > base.local_date(now()) then
    raise exception 'a day that has not begun cannot be closed' using errcode = 'BW004';
  end if;
  insert into billing.business_days (business_date) values (close_business_day.business_date) on conflict do nothing;
  select day.status into strict found_status from billing.business_days as day
    where day.business_date = close_business_day.business_date for update;
  if found_status = 'CLOSED' then
    return false;
  end if;
  update billing.business_days as day
    set status = 'CLOSED', closed_at = clock_timestamp(), closed_by = close_business_day.closed_by
    where day.business_date = close_business_day.business_date;
  return true;
end
$$;

-- Closes a month that is over, once all its days are closed; days on which nothing happened are closed with it.
-- False when it was closed already.
create function billing.close_month(month date, closed_by text) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  first_day constant date := date_trunc('month', month)::date;
  last_day constant date := (date_trunc('month', month) + interval '1 month - 1 day')::date;
  found_status text;
begin
  if last_day >= base.local_date(now()) then
    raise exception 'a month that is not over cannot be closed' using errcode = 'BW004';
  end if;
  insert into billing.months (month) values (first_day) on conflict do nothing;
  select known.status into strict found_status from billing.months as known
    where known.month = first_day for update;
  if found_status = 'CLOSED' then
    return false;
  end if;
  insert into billing.business_days (business_date, status, closed_at, closed_by)
    select day::date, 'CLOSED', clock_timestamp(), close_month.closed_by
    from generate_series(first_day, last_day, interval '1 day') as day
    on conflict do nothing;
  perform 1 from billing.business_days as day
    where day.business_date between first_day and last_day order by day.business_date for share;
  if exists (select 1 from billing.business_days as day
    where day.business_date between first_day and last_day and day.status = 'OPEN') then
    raise exception 'the month still has open days' using errcode = 'BW004';
  end if;
  update billing.months as known
    set status = 'CLOSED', closed_at = clock_timestamp(), closed_by = close_month.closed_by
    where known.month = first_day;
  return true;
end
$$;

-- Invoices -----------------------------------------------------------------------------------------------------------
create trigger a_guard_first_status before insert on billing.invoices
  for each row when (new.status <> 'DRAFT' or new.paid_minor <> 0) execute function base.guard_status('DRAFT');
create trigger a_guard_status before update on billing.invoices
  for each row when (old.status is distinct from new.status)
  execute function base.guard_status('DRAFT',
    'DRAFT>ISSUED,ISSUED>PARTIALLY_PAID,ISSUED>PAID,PARTIALLY_PAID>PAID,ISSUED>VOID');

-- What is issued stands: only payments move it on, and a void names an open day.
create function billing.guard_invoice() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (new.paid_minor <> old.paid_minor or new.status in ('PARTIALLY_PAID', 'PAID') and new.status <> old.status)
    and pg_trigger_depth() < 2 then
    raise exception 'an invoice is paid by payments alone' using errcode = 'BW002';
  end if;
  if (new.id, new.reference, new.number, new.created_at) is distinct from (old.id, old.reference, old.number, old.created_at) then
    raise exception 'an invoice keeps its identity' using errcode = 'BW002';
  end if;
  if old.status <> 'DRAFT' and (new.patient_id, new.visit_id, new.currency, new.total_minor, new.issued_on, new.due_on)
    is distinct from (old.patient_id, old.visit_id, old.currency, old.total_minor, old.issued_on, old.due_on) then
    raise exception 'an issued invoice does not change' using errcode = 'BW002';
  end if;
  if old.status = 'VOID' and new.voided_on is distinct from old.voided_on then
    raise exception 'a void invoice does not change' using errcode = 'BW002';
  end if;
  if new.status = 'ISSUED' and old.status = 'DRAFT' then
    new.issued_on := coalesce(new.issued_on, base.local_date(now()));
    perform billing.require_open_day(new.issued_on);
  elsif new.status = 'VOID' and old.status = 'ISSUED' then
    new.voided_on := coalesce(new.voided_on, base.local_date(now()));
    perform billing.require_open_day(new.voided_on);
  end if;
  new.updated_at := now();
  return new;
end
$$;

create function billing.require_open_day(business_date date) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if billing.lock_business_day(business_date) <> 'OPEN' then
    raise exception 'the business day % is closed', business_date using errcode = 'BW004';
  end if;
end
$$;

create trigger b_guard_invoice before update on billing.invoices
  for each row execute function billing.guard_invoice();
create trigger refuse_delete before delete on billing.invoices
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on billing.invoices
  for each statement execute function base.refuse_change();

-- Lines and installments are fixed at issue.
create function billing.guard_invoice_part() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  invoice_status text;
begin
  if tg_op = 'UPDATE' and new.invoice_key <> old.invoice_key then
    raise exception '%.% does not move to another invoice', tg_table_schema, tg_table_name using errcode = 'BW002';
  end if;
  select status into invoice_status from billing.invoices
    where key = case tg_op when 'DELETE' then old.invoice_key else new.invoice_key end for no key update;
  if invoice_status <> 'DRAFT' then
    raise exception '%.% is fixed once the invoice is issued', tg_table_schema, tg_table_name using errcode = 'BW002';
  end if;
  return case tg_op when 'DELETE' then old else new end;
end
$$;
create trigger guard_invoice_part before insert or update or delete on billing.invoice_lines
  for each row execute function billing.guard_invoice_part();
create trigger guard_invoice_part before insert or update or delete on billing.installments
  for each row execute function billing.guard_invoice_part();
create trigger refuse_truncate before truncate on billing.invoice_lines
  for each statement execute function base.refuse_change();
create trigger refuse_truncate before truncate on billing.installments
  for each statement execute function base.refuse_change();

-- A plan adds up to its invoice when the transaction ends; so do the lines of an invoice that is issued.
create function billing.check_plan() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  owner_key constant bigint := case
    when tg_table_name = 'invoices' then (to_jsonb(new) ->> 'key')::bigint
    when tg_op = 'DELETE' then (to_jsonb(old) ->> 'invoice_key')::bigint
    else (to_jsonb(new) ->> 'invoice_key')::bigint end;
  total bigint;
  planned bigint;
  lined bigint;
  invoice_status text;
begin
  select total_minor, status into total, invoice_status from billing.invoices where key = owner_key;
  select sum(amount_minor) into planned from billing.installments where invoice_key = owner_key;
  if planned is not null and planned <> total then
    raise exception 'the installments of an invoice add up to its total' using errcode = 'BW005',
      detail = format('planned %s, total %s', planned, total);
  end if;
  select sum(amount_minor) into lined from billing.invoice_lines where invoice_key = owner_key;
  if invoice_status <> 'DRAFT' and lined is not null and lined <> total then
    raise exception 'the lines of an invoice add up to its total' using errcode = 'BW005',
      detail = format('lines %s, total %s', lined, total);
  end if;
  return null;
end
$$;
create constraint trigger check_plan after insert or update or delete on billing.installments
  deferrable initially deferred for each row execute function billing.check_plan();
create constraint trigger check_plan after update of total_minor, status on billing.invoices
  deferrable initially deferred for each row
  when (old.total_minor <> new.total_minor or old.status = 'DRAFT' and new.status = 'ISSUED')
  execute function billing.check_plan();

-- Splits an amount by largest remainder, the first ones larger: 100000 by 3 is 33334, 33333, 33333.
create function billing.split_amount(amount_minor bigint, parts integer) returns setof bigint
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select amount_minor / parts + case when part <= amount_minor % parts then 1 else 0 end
  from generate_series(1, parts) as part order by part
$$;

-- Locks an invoice until the transaction ends and shows it as it now is. No role of ours may update it, and row locks
-- need that right; hence a function. No row: there is no such invoice.
create function billing.lock_invoice(invoice_id text) returns setof billing.invoices
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$ select * from billing.invoices where id = invoice_id for update $$;

-- Payments -----------------------------------------------------------------------------------------------------------
-- Order of locks everywhere: the invoice first, then its business day.
create function billing.place_payment() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  given_date constant date := new.business_date;
begin
  perform 1 from billing.invoices where id = new.invoice_id for no key update;
  if new.integration_id is not null and new.captured_at > now() + interval '5 minutes' then
    raise exception 'nothing is captured in the future' using errcode = 'BW004';
  end if;
  select day.business_date, day.late_posted into new.business_date, new.late_posted
    from billing.open_business_day(new.captured_at) as day;
  if given_date is not null and given_date <> new.business_date then
    raise exception 'the business date of this payment is %', new.business_date using errcode = 'BW004';
  end if;
  return new;
end
$$;
create trigger place_payment before insert on billing.payments
  for each row execute function billing.place_payment();
create trigger refuse_change before update or delete on billing.payments
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on billing.payments
  for each statement execute function base.refuse_change();

-- The only writer of paid_minor. The table's CHECKs refuse what is too much, the status guard what cannot be paid.
create function billing.apply_payment() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update billing.invoices
    set paid_minor = paid_minor + new.amount_minor,
      status = case
        when status not in ('ISSUED', 'PARTIALLY_PAID') then status
        when paid_minor + new.amount_minor = total_minor then 'PAID'
        else 'PARTIALLY_PAID' end
    where id = new.invoice_id;
  return null;
end
$$;
create trigger a_apply_payment after insert on billing.payments
  for each row execute function billing.apply_payment();

-- Expenses -----------------------------------------------------------------------------------------------------------
create function billing.place_expense() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  reversed billing.expenses;
begin
  perform billing.require_open_day(new.business_date);
  if new.reverses_key is not null then
    select * into reversed from billing.expenses where key = new.reverses_key;
    if reversed.reverses_key is not null or reversed.currency is distinct from new.currency
      or reversed.amount_minor is distinct from -new.amount_minor then
      raise exception 'a reversal is the exact opposite of the expense it reverses' using errcode = 'BW005';
    end if;
  end if;
  return new;
end
$$;
create trigger place_expense before insert on billing.expenses
  for each row execute function billing.place_expense();
create trigger refuse_change before update or delete on billing.expenses
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on billing.expenses
  for each statement execute function base.refuse_change();

-- Currencies and marks stay as they are --------------------------------------------------------------------------------
create trigger refuse_change before update or delete on billing.currencies
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on billing.currencies
  for each statement execute function base.refuse_change();
create trigger refuse_change before update or delete on billing.overdue_marks
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on billing.overdue_marks
  for each statement execute function base.refuse_change();

-- Marks installments that are due before the clinic's today and not covered by what was paid (oldest due first); each is
-- marked once ever. Returns how many were marked now.
create function billing.mark_overdue_installments(at_most integer default 500) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  today constant date := base.local_date(now());
  marked integer;
begin
  insert into billing.overdue_marks
    (installment_key, installment_id, invoice_id, number, due_on, currency, remaining_minor, days_overdue)
  select plan.key, plan.id, plan.invoice_id, plan.number, plan.due_on, plan.currency,
    least(plan.amount_minor, plan.due_so_far - plan.paid_minor), today - plan.due_on
  from (
    select part.key, part.id, part.number, part.due_on, part.amount_minor, invoice.id as invoice_id, invoice.currency,
      invoice.paid_minor,
      sum(part.amount_minor) over (partition by part.invoice_key order by part.due_on, part.number) as due_so_far
    from billing.installments as part join billing.invoices as invoice on invoice.key = part.invoice_key
    where invoice.status in ('ISSUED', 'PARTIALLY_PAID')
  ) as plan
  where plan.due_on < today and plan.due_so_far > plan.paid_minor
    and not exists (select 1 from billing.overdue_marks as mark where mark.installment_key = plan.key)
  order by plan.due_on, plan.key
  limit at_most
  on conflict (installment_key) do nothing;
  get diagnostics marked = row_count;
  return marked;
end
$$;

-- Terminal confirmations ---------------------------------------------------------------------------------------------
create trigger a_guard_first_status before insert on billing.terminal_confirmations
  for each row when (new.status = 'RESOLVED') execute function base.guard_status('RECORDED,DUPLICATE,REJECTED');
create trigger a_guard_status before update on billing.terminal_confirmations
  for each row execute function base.guard_status('REJECTED', 'REJECTED>RESOLVED,DUPLICATE>RESOLVED');

create function billing.guard_confirmation() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if old.status not in ('REJECTED', 'DUPLICATE') or new.status <> 'RESOLVED'
    or to_jsonb(new) - array['status', 'payment_id', 'resolution', 'resolution_reason', 'resolved_by', 'resolved_at']
      <> to_jsonb(old) - array['status', 'payment_id', 'resolution', 'resolution_reason', 'resolved_by', 'resolved_at'] then
    raise exception 'a confirmation is only ever resolved' using errcode = 'BW002';
  end if;
  return new;
end
$$;
create trigger b_guard_confirmation before update on billing.terminal_confirmations
  for each row execute function billing.guard_confirmation();
create trigger refuse_delete before delete on billing.terminal_confirmations
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on billing.terminal_confirmations
  for each statement execute function base.refuse_change();

-- A manager's word on a refused confirmation; never makes a payment. False when there is none that waits.
-- LINKED names a payment of the same currency and amount that the clinic recorded itself.
create function billing.resolve_confirmation(
  confirmation_id text, resolution text, payment_id text, reason text, resolved_by text
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if resolution = 'LINKED' and not exists (
    select 1 from billing.payments as payment join billing.terminal_confirmations as confirmation
      on confirmation.currency = payment.currency and confirmation.amount_minor = payment.amount_minor
    where payment.id = resolve_confirmation.payment_id and confirmation.id = confirmation_id
      and payment.integration_id is null
  ) then
    raise exception 'a confirmation is linked to a payment of its amount that the clinic recorded' using errcode = 'BW005';
  end if;
  update billing.terminal_confirmations as confirmation
    set status = 'RESOLVED', resolution = resolve_confirmation.resolution,
      payment_id = case resolve_confirmation.resolution when 'LINKED' then resolve_confirmation.payment_id end,
      resolution_reason = resolve_confirmation.reason, resolved_by = resolve_confirmation.resolved_by, resolved_at = clock_timestamp()
    where confirmation.id = confirmation_id and confirmation.status in ('REJECTED', 'DUPLICATE');
  return found;
end
$$;

reset role;
