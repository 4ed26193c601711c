-- The one way in which events, deliveries and attempts end: whole months past their retention, by this function, and the
-- audit says so. The registry's other short-lived rows follow.
set local role bridgework_owner;

-- Drops the oldest month that is over for keep_days (90 at least) and answers what was in it; no row when there is none.
-- One month a call, so that nobody waits for it longer than a moment: call it until it answers nothing.
--
-- What was never delivered (PENDING, HELD) ends with an audit row of its own; events that no worker ever fanned out are
-- counted in the month's row. A month of which something was on its way within the last three days, a replay for example, waits.
create function base.drop_expired_month(
  keep_days integer default 90,
  out month text, out events bigint, out not_fanned_out bigint, out deliveries bigint, out undelivered bigint,
  out attempts bigint
) returns setof record
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '250ms'
as $$
declare
  request_id constant text := base.new_id('req');
  over record;
begin
  if keep_days is null or keep_days < 90 then
    raise exception 'events, deliveries and attempts are kept for 90 days at least' using errcode = 'BW001';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('base.partitions', 0));
  -- Of months that went before; in a transaction that holds no lock yet.
  delete from integration.delivery_numbers as number
    where number.event_month < (select min(known.from_month) from base.months_of('integration.deliveries') as known);
  for over in
    select e.part as events_part, d.part as deliveries_part, a.part as attempts_part, e.from_month, e.until_month
    from base.months_of('outbox.events') as e
    join base.months_of('integration.deliveries') as d on d.from_month = e.from_month
    join base.months_of('integration.delivery_attempts') as a on a.from_month = e.from_month
    where e.until_month <= (now() at time zone 'UTC')::date - keep_days
    order by e.from_month
  loop
    execute format('lock table %s in share row exclusive mode', over.deliveries_part);
    continue when exists (select 1 from integration.deliveries as delivery
      where delivery.event_month >= over.from_month and delivery.event_month < over.until_month
        and (delivery.state = 'LEASED' or delivery.state = 'PENDING' and delivery.updated_at > now() - interval '3 days'));
    month := to_char(over.from_month, 'YYYY-MM');
    execute format('select count(*), count(*) filter (where fanned_out_at is null) from %s', over.events_part)
      into events, not_fanned_out;
    execute format('select count(*), count(*) filter (where state in (''PENDING'', ''LEASED'', ''HELD'')) from %s',
      over.deliveries_part) into deliveries, undelivered;
    execute format('select count(*) from %s', over.attempts_part) into attempts;
    perform audit.append('system retention.drop', integration.id, 'webhook.deliver', 'delivery', delivery.id, 'FAILED',
        'expired', request_id)
      from integration.deliveries as delivery
      join integration.webhook_endpoints as endpoint on endpoint.key = delivery.endpoint_key
      join integration.integrations as integration on integration.key = endpoint.integration_key
      where delivery.event_month >= over.from_month and delivery.event_month < over.until_month
        and delivery.state in ('PENDING', 'LEASED', 'HELD');
    perform audit.append('system retention.drop', null, 'retention.drop', 'event_month', month, 'OK',
      format('%s events (%s not fanned out), %s deliveries (%s undelivered), %s attempts', events, not_fanned_out,
        deliveries, undelivered, attempts), request_id);
    execute format('drop table %s', over.attempts_part);
    execute format('drop table %s', over.deliveries_part);
    -- Last, for the clinic's own writes wait behind this one.
    execute format('drop table %s', over.events_part);
    return next;
    return;
  end loop;
end
$$;

-- Batches of gateway reports: kept far longer than a gateway could keep one and send it again.
create function integration.forget_control_reports(at_most integer default 1000) returns integer
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  forgotten integer;
begin
  delete from integration.control_reports where batch_id in (
    select batch_id from integration.control_reports where applied_at < now() - interval '90 days'
    limit at_most for update skip locked);
  get diagnostics forgotten = row_count;
  return forgotten;
end
$$;

grant execute on function base.drop_expired_month(integer), integration.forget_control_reports(integer)
  to bridgework_workers;

reset role;
