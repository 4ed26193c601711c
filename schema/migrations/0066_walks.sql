-- A walk by updated_at must be able to go on where the last one stopped and miss nothing. For that a change must never be
-- committed with an instant that lies before its transaction's number was given out: whoever then looks at
-- pg_snapshot_xmin knows from which instant on something may still be unseen (docs/decisions/0023).
set local role bridgework_owner;

-- When something is written: after this transaction has its number, and not when the transaction began.
create function base.written_at() returns timestamptz
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_current_xact_id();
  return clock_timestamp();
end
$$;
revoke execute on function base.written_at() from public;
grant execute on function base.written_at() to core_app, bridgework_appointment, bridgework_billing,
  bridgework_inventory, bridgework_integration, bridgework_workers;

create function base.touch_at_write() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := base.written_at();
  return new;
end
$$;

-- After every other trigger that may set the column, for triggers fire by name.
alter table appointment.appointments alter column updated_at set default base.written_at();
create trigger z_touch_at_write before update on appointment.appointments
  for each row execute function base.touch_at_write();
alter table appointment.visits alter column updated_at set default base.written_at();
create trigger z_touch_at_write before update on appointment.visits
  for each row execute function base.touch_at_write();

reset role;
