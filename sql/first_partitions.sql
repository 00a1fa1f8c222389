-- What a new log begins with: partitions for the days to come, and the position before its first message.

SELECT webhooks.make_partitions(7);

INSERT INTO webhooks.read_cursor (at, from_snapshot) VALUES (clock_timestamp(), pg_current_snapshot());
