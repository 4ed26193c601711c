-- Heads that were kept outside and that the chain does not hold. All of them are asked for and not the newest alone: who
-- cuts off a tail and lets the chain grow again leaves a newest head that agrees.
set local role bridgework_owner;

-- heads: [{"position": 120, "hash": "<64 hex>"}, …]
create function audit.missing_heads(heads jsonb) returns setof bigint
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select head.position from jsonb_to_recordset(heads) as head(position bigint, hash text)
  where not exists (select 1 from audit.seals as seal
    where seal.position = head.position and encode(seal.hash, 'hex') = head.hash)
$$;
grant execute on function audit.missing_heads(jsonb) to bridgework_workers, bridgework_integration;

reset role;
