-- Which environment this database belongs to: one row, written once by the migrator. Tokens refer to it, so that a
-- production token cannot even be stored in a sandbox database.
set local role bridgework_owner;

create table integration.environment (
  name text primary key check (name in ('sandbox', 'production')),
  only_row boolean not null unique default true check (only_row),
  created_at timestamptz(3) not null default now()
);

create trigger refuse_change before update or delete on integration.environment
  for each row execute function base.refuse_change();
create trigger refuse_truncate before truncate on integration.environment
  for each statement execute function base.refuse_change();

reset role;
