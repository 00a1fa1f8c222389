-- Checks that several functions share. Every complaint names the argument and says what to do.

CREATE FUNCTION webhooks.check_name(argument text, name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF check_name.name IS NULL OR check_name.name = '' THEN
        RAISE EXCEPTION 'invalid argument "%": it is empty', argument
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give a name of 1 to 200 characters.';
    ELSIF length(check_name.name) > 200 THEN
        RAISE EXCEPTION 'invalid argument "%": it is % characters long', argument, length(check_name.name)
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give a name of 1 to 200 characters.';
    ELSIF check_name.name ~ '[[:cntrl:]]' OR check_name.name ~ '^\s|\s$' THEN
        RAISE EXCEPTION 'invalid argument "%": it has control characters, or begins or ends with a space', argument
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Give a name that can be read and typed, such as shipping or lead:won.';
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_name(text, text) IS
'For the functions of this schema: raises an error that names the argument unless the text can be the name of a webhook or an event.';


CREATE FUNCTION webhooks.check_flag(argument text, value boolean, hint text) RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF value IS NULL THEN
        RAISE EXCEPTION 'invalid argument "%": it is NULL', argument
            USING ERRCODE = 'invalid_parameter_value', HINT = hint;
    END IF;
END $$;

COMMENT ON FUNCTION webhooks.check_flag(text, boolean, text) IS
'For the functions of this schema: raises an error that names the argument if neither true nor false was given.';


CREATE FUNCTION webhooks.nearest_names(name text, among text[]) RETURNS text
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(candidate, ', ' ORDER BY rank)
    FROM (SELECT candidate,
                 row_number() OVER (ORDER BY lower(candidate) = lower(name) DESC,
                                             lower(left(candidate, 3)) = lower(left(name, 3)) DESC,
                                             abs(length(candidate) - length(name)),
                                             candidate COLLATE "C") AS rank
          FROM unnest(among) AS candidate) AS ranked
    WHERE rank <= 5
$$;

COMMENT ON FUNCTION webhooks.nearest_names(text, text[]) IS
'For the functions of this schema: up to five of the names that somebody may have meant, for a HINT. NULL if there are none.';


CREATE FUNCTION webhooks.webhook_id(name text, argument text = 'name', to_look boolean = false) RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found  webhooks.webhook;
    others text;
BEGIN
    SELECT w.* INTO found FROM webhooks.webhook w WHERE w.name = webhook_id.name;
    IF found.id IS NULL THEN
        others := webhooks.nearest_names(webhook_id.name, ARRAY(SELECT w.name FROM webhooks.seen_webhook w));
        RAISE EXCEPTION 'invalid argument "%": %', argument, coalesce('webhook "' || webhook_id.name || '" does not exist', 'it is NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = coalesce('Did you mean one of these: ' || others || '?',
                                  'There is none yet: make one with webhooks.create_webhook(name, url).');
    END IF;
    IF NOT (to_look AND webhooks.may_see_all()) THEN
        PERFORM webhooks.check_is_mine('webhook', found.name, found.created_by, argument);
    END IF;
    RETURN found.id;
END $$;

COMMENT ON FUNCTION webhooks.webhook_id(text, text, boolean) IS
'The id of the webhook of that name, as payloads carry it in webhookId. An unknown name is an error, and so is one that the caller may not manage, or, to look, not view. The error names the argument that the name was given as.';
