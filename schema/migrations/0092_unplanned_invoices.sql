-- Twice a minute the planner of messages looks which invoices fall due within two days: of all that were ever written it
-- reads those that are owed, by their day.
set local role bridgework_owner;

create index owed_invoices on billing.invoices (due_on) where (status in ('ISSUED', 'PARTIALLY_PAID'));

reset role;
