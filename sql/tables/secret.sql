-- What a webhook's calls are signed with. The one without an end is its secret; those that it replaced sign too until
-- they end.
--
-- It is a table of its own, and says nothing by constraints that Postgres would show the row of: a violated NOT NULL or
-- CHECK puts the whole row into the error and into the server's log. The functions check instead, and the worker leaves
-- out a webhook that it cannot sign for.

CREATE TABLE webhooks.secret (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id bigint REFERENCES webhooks.webhook ON DELETE CASCADE,
    secret     text,
    ends_at    timestamptz
);

CREATE UNIQUE INDEX secret_without_end_key ON webhooks.secret (webhook_id) WHERE ends_at IS NULL;
CREATE INDEX secret_webhook_id_idx ON webhooks.secret (webhook_id);

COMMENT ON TABLE webhooks.secret IS
'What calls are signed with. Change it with rotate_secret, look at it with reveal_secret.';
COMMENT ON COLUMN webhooks.secret.ends_at IS
'NULL: the webhook''s secret. Otherwise it was replaced, and signs no more from then on.';

SELECT pg_catalog.pg_extension_config_dump('webhooks.secret', '');
SELECT pg_catalog.pg_extension_config_dump('webhooks.secret_id_seq', '');
