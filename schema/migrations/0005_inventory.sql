-- Stock. What an item cost stands here for the clinic alone: no role of this layer may read unit_cost_minor.
set local role bridgework_owner;

create table inventory.items (
  key bigint generated always as identity primary key,
  id text not null unique default base.new_id('itm'),
  sku text not null unique,
  name text not null,
  unit text not null default 'piece',
  -- Σ of stock_movements, kept by trigger.
  on_hand integer not null default 0 constraint on_hand_never_negative check (on_hand >= 0),
  reorder_point integer not null default 0 check (reorder_point >= 0),
  unit_cost_minor bigint check (unit_cost_minor >= 0),
  unit_cost_currency text,
  active boolean not null default true,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  check ((unit_cost_minor is null) = (unit_cost_currency is null))
);
create index low_stock on inventory.items (key) where (on_hand <= reorder_point and active);

create table inventory.stock_movements (
  key bigint generated always as identity primary key,
  item_key bigint not null references inventory.items (key),
  -- Positive in, negative out.
  quantity integer not null check (quantity <> 0),
  reason text not null check (reason in ('OPENING', 'PURCHASE', 'USE', 'WASTE', 'ADJUSTMENT')),
  visit_id text,
  unit_cost_minor bigint check (unit_cost_minor >= 0),
  moved_at timestamptz(3) not null default now(),
  check (reason not in ('USE', 'WASTE') or quantity < 0),
  check (reason not in ('OPENING', 'PURCHASE') or quantity > 0)
);
create index on inventory.stock_movements (item_key, key);

-- An insert here takes the quantity from stock by itself (a USE movement): do not write the movement as well.
create table inventory.visit_materials (
  key bigint generated always as identity primary key,
  visit_id text not null,
  item_key bigint not null references inventory.items (key),
  quantity integer not null check (quantity > 0),
  used_at timestamptz(3) not null default now()
);
create index on inventory.visit_materials (visit_id);

reset role;
