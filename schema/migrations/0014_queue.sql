-- The queue's own schema: BullMQ's PostgreSQL backend makes its tables here when there is no Redis.
create schema queue authorization bridgework_workers;
