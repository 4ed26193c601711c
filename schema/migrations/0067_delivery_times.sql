-- A delivery was made when it was written, not when the dispatcher's transaction began: that may lie before the event, and
-- what a manager lets go "before this instant" would then take a later event with it.
set local role bridgework_owner;

alter table integration.deliveries alter column created_at set default clock_timestamp();

reset role;
