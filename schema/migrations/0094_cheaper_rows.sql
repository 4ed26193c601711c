-- What each new row costs the database, whatever it is a row of.
set local role bridgework_owner;

-- The same 26 digits of the same 128 bits, read off byte by byte in one expression: half the time of a loop over digits.
do $$
declare
  digits text;
begin
  -- The digit `place` places from the end is five bits of one byte or of two.
  select string_agg(format('substr(digits, 1 + (((get_byte(bits, %s) >> %s)%s) & 31), 1)', 15 - place * 5 / 8, place * 5 % 8,
      case when place * 5 % 8 > 3 and place < 25
        then format(' | (get_byte(bits, %s) << %s)', 14 - place * 5 / 8, 8 - place * 5 % 8) else '' end), E'\n    || '
      order by place desc) into digits
    from generate_series(0, 25) as place;
  execute format($function$
    create or replace function base.new_id(prefix text) returns text
      language plpgsql volatile parallel safe
    as $body$
    declare
      digits constant bytea := '0123456789abcdefghjkmnpqrstvwxyz';
      bits constant bytea := uuid_send(gen_random_uuid());
    begin
      return prefix || '_' || convert_from(%s, 'UTF8');
    end
    $body$ $function$, digits);
end
$$;
-- base.crockford stays: the scripts that connect a clinic's own application grant it.

-- Asked for each row in a function of its own only where the row breaks the rule.
drop trigger a_guard_new_delivery on integration.deliveries;
create trigger a_guard_new_delivery before insert on integration.deliveries
  for each row when (new.state not in ('PENDING', 'HELD') or new.generation <> 1 or new.attempts <> 0)
  execute function integration.guard_new_delivery();

reset role;
