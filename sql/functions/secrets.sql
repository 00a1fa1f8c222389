-- A webhook's secrets: the one it has, and for a while those that it replaced.

CREATE FUNCTION webhooks.set_secret(webhook_id bigint, signature text, secret text) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF secret IS NULL THEN
        secret := webhooks.generate_secret(signature);
    ELSE
        PERFORM webhooks.check_secret(signature, secret);
    END IF;

    DELETE FROM webhooks.secret s WHERE s.webhook_id = webhook_id;
    IF secret IS NOT NULL THEN
        INSERT INTO webhooks.secret (webhook_id, secret) VALUES (webhook_id, secret);
    END IF;
    RETURN secret;
END $$;

COMMENT ON FUNCTION webhooks.set_secret(bigint, text, text) IS
'For create_webhook and alter_webhook: makes this the only secret of a webhook, or if it is NULL a new one that fits the signature, and returns it.';


CREATE FUNCTION webhooks.signature_of(name text, to_look boolean = false) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    signature text := (SELECT w.signature FROM webhooks.webhook w WHERE w.id = webhooks.webhook_id(name, to_look => to_look));
BEGIN
    IF signature = 'none' THEN
        RAISE EXCEPTION 'invalid argument "name": webhook "%" has no secret: its signature is none', name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Have its calls signed with webhooks.alter_webhook(name, signature => ''standard'').';
    END IF;
    RETURN signature;
END $$;

COMMENT ON FUNCTION webhooks.signature_of(text, boolean) IS
'For the functions about secrets: the signature of the webhook of that name. One that signs nothing is an error.';


CREATE FUNCTION webhooks.rotate_secret(name text, overlap interval = '24 hours', secret text = NULL) RETURNS text
LANGUAGE webhooks_plpgsql
AS $$
#variable_conflict use_variable
DECLARE
    changed_id bigint := webhooks.webhook_id(name);
    signature  text;
    old_secret text;
    next_end   timestamptz;
BEGIN
    IF overlap IS NULL OR overlap < interval '0' OR overlap > interval '30 days' THEN
        RAISE EXCEPTION 'invalid argument "overlap": % is out of range', coalesce(overlap::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give how long the old secret signs too: up to 30 days; ''0'' ends it now.';
    END IF;

    -- One rotation of a webhook after the other.
    PERFORM FROM webhooks.webhook w WHERE w.id = changed_id FOR NO KEY UPDATE;
    signature := webhooks.signature_of(name);
    IF secret IS NULL THEN
        secret := webhooks.generate_secret(signature);
    ELSE
        PERFORM webhooks.check_secret(signature, secret);
    END IF;

    SELECT s.secret INTO old_secret FROM webhooks.secret s WHERE s.webhook_id = changed_id AND s.ends_at IS NULL;
    IF secret = old_secret THEN
        RAISE EXCEPTION 'invalid argument "secret": webhook "%" has it already', name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give another one, or leave it out to have one generated.';
    END IF;

    -- One that ends anyway may come back as the new one.
    DELETE FROM webhooks.secret s
    WHERE s.webhook_id = changed_id AND (overlap = interval '0' OR s.ends_at <= now() OR s.ends_at IS NOT NULL AND s.secret = secret);

    SELECT min(s.ends_at) INTO next_end FROM webhooks.secret s WHERE s.webhook_id = changed_id HAVING count(*) >= 5;
    IF next_end IS NOT NULL THEN
        RAISE EXCEPTION 'webhook "%" has five secrets that sign already', name
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('Wait until one ends, the next one at %s, or give overlap => ''0'', which ends all at once.', next_end);
    END IF;

    UPDATE webhooks.secret s SET ends_at = now() + overlap WHERE s.webhook_id = changed_id AND s.ends_at IS NULL;
    INSERT INTO webhooks.secret (webhook_id, secret) VALUES (changed_id, secret);
    PERFORM webhooks.note_change(changed_id);
    RETURN secret;
END $$;

COMMENT ON FUNCTION webhooks.rotate_secret(text, interval, text) IS
'Gives a webhook a new secret, generated unless given, and returns it. For as long as overlap says the old one signs too, so that receivers can be told the new one meanwhile: signatures standard, standard-ed25519 and stripe carry one of each; github and shopify have room for one, which is the oldest secret''s until that ends. Secrets that were replaced before end when they were to end. With overlap 0 the new secret is the only one at once.';


CREATE FUNCTION webhooks.reveal_secret(name text) RETURNS text
LANGUAGE webhooks_plpgsql STABLE
AS $$
BEGIN
    PERFORM webhooks.signature_of(reveal_secret.name);
    RETURN (SELECT s.secret FROM webhooks.secret s
            WHERE s.webhook_id = webhooks.webhook_id(reveal_secret.name) AND s.ends_at IS NULL);
END $$;

COMMENT ON FUNCTION webhooks.reveal_secret(text) IS
'The secret of a webhook: what its receivers verify with. After a rotation, the new one.';


CREATE FUNCTION webhooks.public_key(name text) RETURNS text
LANGUAGE webhooks_plpgsql STABLE
AS $$
#variable_conflict use_variable
DECLARE
    signature text := webhooks.signature_of(name, to_look => true);
BEGIN
    IF signature <> 'standard-ed25519' THEN
        RAISE EXCEPTION 'invalid argument "name": webhook "%" has no public key: its signature is %', name, signature
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Its receivers verify with the secret that webhooks.reveal_secret(name) shows. Only standard-ed25519 has a public key.';
    END IF;
    RETURN (SELECT webhooks.public_key_of(s.secret) FROM webhooks.secret s
            WHERE s.webhook_id = webhooks.webhook_id(name, to_look => true) AND s.ends_at IS NULL);
END $$;

COMMENT ON FUNCTION webhooks.public_key(text) IS
'What receivers of a webhook with signature standard-ed25519 verify with: whpk_ and the key in base64. After a rotation, the new one.';


CREATE FUNCTION webhooks.drop_ended_secrets() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- A DELETE that finds nothing would tell the worker of a change too.
    IF EXISTS (SELECT FROM webhooks.secret s WHERE s.ends_at <= now()) THEN
        DELETE FROM webhooks.secret s WHERE s.ends_at <= now();
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.drop_ended_secrets() IS
'For the worker: forgets secrets that sign no more.';
