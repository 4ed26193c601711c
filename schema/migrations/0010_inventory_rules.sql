-- Stock is the sum of its movements, never written by hand and never below zero.
set local role bridgework_owner;

create function inventory.guard_item() returns trigger
  language plpgsql
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    if new.on_hand <> 0 then
      raise exception 'stock begins with a movement' using errcode = 'BW002';
    end if;
    return new;
  end if;
  if new.on_hand <> old.on_hand and pg_trigger_depth() < 2 then
    raise exception 'stock changes by movements alone' using errcode = 'BW002';
  end if;
  if new.id <> old.id then
    raise exception 'an item keeps its identity' using errcode = 'BW002';
  end if;
  new.updated_at := now();
  return new;
end
$$;
create trigger guard_item before insert or update on inventory.items
  for each row execute function inventory.guard_item();
create trigger refuse_delete before delete on inventory.items
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on inventory.items
  for each statement execute function base.refuse_change();

create function inventory.apply_movement() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update inventory.items set on_hand = on_hand + new.quantity where key = new.item_key;
  return null;
end
$$;
create trigger apply_movement after insert on inventory.stock_movements
  for each row execute function inventory.apply_movement();
create trigger refuse_change before update or delete on inventory.stock_movements
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on inventory.stock_movements
  for each statement execute function base.refuse_change();

create function inventory.take_material() returns trigger
  language plpgsql security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into inventory.stock_movements (item_key, quantity, reason, visit_id, moved_at)
    values (new.item_key, -new.quantity, 'USE', new.visit_id, new.used_at);
  return null;
end
$$;
create trigger take_material after insert on inventory.visit_materials
  for each row execute function inventory.take_material();
create trigger refuse_change before update or delete on inventory.visit_materials
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on inventory.visit_materials
  for each statement execute function base.refuse_change();

reset role;
