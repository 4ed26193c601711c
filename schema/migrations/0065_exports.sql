-- What the accounting exports say, computed in one place: by whoever generates one, and by the worker that computes it again
-- every day and compares.
set local role bridgework_owner;

-- As in 0009, and: a day that nobody has touched before an exported aging is closed. The aging looks back over all days, so
-- nothing may slip in behind it. Its export takes the same lock exclusively, and so meets no day that is just being opened.
create or replace function billing.lock_business_day(business_date date) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  found_status text;
begin
  select day.status into found_status from billing.business_days as day
    where day.business_date = lock_business_day.business_date for share;
  if not found then
    perform pg_advisory_xact_lock_shared(hashtextextended('billing.business_days', 0));
    insert into billing.business_days (business_date, status, closed_at, closed_by)
      select lock_business_day.business_date, case when aging.exists then 'CLOSED' else 'OPEN' end,
        case when aging.exists then clock_timestamp() end, case when aging.exists then 'system export.aging' end
      from (select exists (select 1 from billing.exports as export
        where export.kind = 'DEFERRED_RECEIVABLES_AGING' and export.period >= lock_business_day.business_date)) as aging
      on conflict do nothing;
    select day.status into strict found_status from billing.business_days as day
      where day.business_date = lock_business_day.business_date for share;
  end if;
  return found_status;
end
$$;

-- Raises BW009 while something may still be booked into the period. Of an aging: into any day up to it.
create function billing.require_closed_period(kind text, period date) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if kind = 'MONTHLY_PROFIT_SUMMARY' then
    if exists (select 1 from billing.months as known
      where known.month = require_closed_period.period and known.status = 'CLOSED') then
      return;
    end if;
  elsif kind in ('DAILY_COLLECTED_REVENUE', 'DEFERRED_RECEIVABLES_AGING') then
    if exists (select 1 from billing.business_days as day
        where day.business_date = require_closed_period.period and day.status = 'CLOSED')
      and (kind = 'DAILY_COLLECTED_REVENUE' or not exists (select 1 from billing.business_days as day
        where day.business_date < require_closed_period.period and day.status = 'OPEN')) then
      return;
    end if;
  else
    raise exception 'there is no such export' using errcode = '22023';
  end if;
  raise exception 'an export is made of a closed period' using errcode = 'BW009';
end
$$;

-- The figures of a closed period: {"rows": […]} and, of a day, {"late": […]}. Each row is of one currency with its exponent;
-- amounts of different currencies are never added. Cash basis: what was paid, on the day it was booked.
create function billing.compute_export(kind text, period date) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform billing.require_closed_period(kind, period);
  return case kind
    when 'DAILY_COLLECTED_REVENUE' then billing.compute_daily_revenue(period)
    when 'MONTHLY_PROFIT_SUMMARY' then billing.compute_monthly_profit(period)
    else billing.compute_receivables_aging(period) end;
end
$$;

create function billing.compute_daily_revenue(day date) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with collected as (
    select payment.currency, payment.method, count(*) as payments, sum(payment.amount_minor) as amount
    from billing.payments as payment where payment.business_date = day group by payment.currency, payment.method
  ), late as (
    select payment.currency, count(*) as payments, sum(payment.amount_minor) as amount
    from billing.payments as payment where payment.business_date = day and payment.late_posted group by payment.currency
  )
  select jsonb_build_object(
    'rows', (select coalesce(jsonb_agg(jsonb_build_object('currency', currency, 'exponent', known.exponent,
      'method', method, 'payment_count', payments, 'amount_minor', amount) order by currency, method), '[]')
      from collected join billing.currencies as known on known.code = currency),
    'late', (select coalesce(jsonb_agg(jsonb_build_object('currency', currency, 'exponent', known.exponent,
      'payment_count', payments, 'amount_minor', amount) order by currency), '[]')
      from late join billing.currencies as known on known.code = currency))
$$;

create function billing.compute_monthly_profit(month date) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with moved as (
    select payment.currency, payment.amount_minor as collected, 0::bigint as spent from billing.payments as payment
      where payment.business_date >= month and payment.business_date < month + interval '1 month'
    union all
    select expense.currency, 0, expense.amount_minor from billing.expenses as expense
      where expense.business_date >= month and expense.business_date < month + interval '1 month'
  ), summed as (
    select currency, sum(collected) as collected, sum(spent) as spent from moved group by currency
  )
  select jsonb_build_object('rows', coalesce(jsonb_agg(jsonb_build_object('currency', currency,
    'exponent', known.exponent, 'collected_minor', collected, 'expenses_minor', spent, 'profit_minor', collected - spent)
    order by currency), '[]'))
  from summed join billing.currencies as known on known.code = currency
$$;

-- Of invoices issued and not voided up to the day, what was not paid up to it: payments settle what is due first.
create function billing.compute_receivables_aging(as_of date) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with owed as (
    select invoice.key, invoice.currency, invoice.total_minor, invoice.due_on,
      coalesce((select sum(payment.amount_minor) from billing.payments as payment
        where payment.invoice_id = invoice.id and payment.business_date <= as_of), 0) as paid
    from billing.invoices as invoice
    where invoice.status <> 'DRAFT' and invoice.issued_on <= as_of
      and (invoice.voided_on is null or invoice.voided_on > as_of)
  ), schedule as (
    select owed.key, owed.currency, owed.paid, coalesce(part.due_on, owed.due_on) as due_on,
      coalesce(part.amount_minor, owed.total_minor) as amount,
      sum(coalesce(part.amount_minor, owed.total_minor))
        over (partition by owed.key order by part.due_on, part.number) as due_so_far
    from owed left join billing.installments as part on part.invoice_key = owed.key
  ), remaining as (
    select key, currency, as_of - due_on as days, least(amount, greatest(due_so_far - paid, 0)) as open from schedule
  ), summed as (
    select currency, count(distinct key) as invoices,
      coalesce(sum(open) filter (where days < 0), 0) as not_yet_due,
      coalesce(sum(open) filter (where days between 0 and 30), 0) as up_to_30,
      coalesce(sum(open) filter (where days between 31 and 60), 0) as up_to_60,
      coalesce(sum(open) filter (where days between 61 and 90), 0) as up_to_90,
      coalesce(sum(open) filter (where days > 90), 0) as over_90,
      sum(open) as total
    from remaining where open > 0 group by currency
  )
  select jsonb_build_object('rows', coalesce(jsonb_agg(jsonb_build_object('currency', currency,
    'exponent', known.exponent, 'invoice_count', invoices, 'not_yet_due_minor', not_yet_due, 'days_0_30_minor', up_to_30,
    'days_31_60_minor', up_to_60, 'days_61_90_minor', up_to_90, 'days_over_90_minor', over_90, 'total_minor', total)
    order by currency), '[]'))
  from summed join billing.currencies as known on known.code = currency
$$;

-- Until the transaction ends no day is opened that nobody has touched: what was computed is what is recorded.
create function billing.hold_business_days() returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$ select pg_advisory_xact_lock(hashtextextended('billing.business_days', 0)) $$;

-- Kept exports for the daily comparison, a page in the order of the chain: with what the bytes hash to now.
create function billing.kept_exports(after_position bigint, at_most integer)
returns table (id text, kind text, period date, content text, content_sha256 text, "position" bigint,
  previous_sha256 text, files_intact boolean)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select export.id, export.kind, export.period, export.content, encode(sha256(convert_to(export.content, 'UTF8')), 'hex'),
    export.position, export.previous_sha256,
    (select count(*) = 4 and bool_and(file.sha256 = encode(sha256(file.content), 'hex'))
      from billing.export_files as file where file.export_key = export.key)
  from billing.exports as export
  where export.position > after_position order by export.position limit least(at_most, 500)
$$;

grant execute on function billing.compute_export(text, date), billing.hold_business_days() to bridgework_billing;
grant execute on function billing.compute_export(text, date), billing.kept_exports(bigint, integer) to bridgework_workers;

reset role;
