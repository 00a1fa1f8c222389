-- What the functions do that the library brings.

COMMENT ON FUNCTION webhooks.record_message(bigint, text, text, text) IS
'For emit: records a message of the event with that id, with JSON as data, a record to keep in order by and an account, and returns the message id; NULL where webhooks.capture is off.';

COMMENT ON FUNCTION webhooks.caller() IS
'The role that called: the current user, or within a function in webhooks_plpgsql, which runs with the privileges of its owner, whoever called that.';
COMMENT ON FUNCTION webhooks.relation_named(text) IS
'For given_table: the table of that name, where the caller''s search_path finds it. NULL if there is none.';
COMMENT ON FUNCTION webhooks.check_condition(oid, text, text, oid) IS
'For create_event and add_event: has Postgres parse and plan a condition of an event of that type on that table, and raises what it says against that as an error about the argument, with the place. Evaluates nothing. Names are the caller''s; it is done as the role, whose privileges the caller must have: what a user gives can run code when it is only read.';

COMMENT ON FUNCTION webhooks.run_expression(text, text, text, text, oid) IS
'For create_event, add_event and alter_table: runs one command around an expression, as check_condition does, and raises what Postgres says against that as an error about the argument, with the place.';

COMMENT ON FUNCTION webhooks.make_event_function(bigint, oid, text, text, text, text, oid) IS
'For create_event and alter_event: checks the expressions data, account and key and makes the function event_<id> of them, as check_condition does. It belongs to the role.';

COMMENT ON FUNCTION webhooks.drop_event_function(bigint) IS
'For drop_event and alter_event: drops the function event_<id>, if there is one and no trigger needs it.';

COMMENT ON FUNCTION webhooks.message_id(timestamptz, bigint) IS
'The id that a message recorded at that time with that number has on the wire. Ids sort by time.';

COMMENT ON FUNCTION webhooks.message_seq_of(text) IS
'The number of a message, from its id: message.seq. NULL if it is no message id.';

COMMENT ON FUNCTION webhooks.message_at_of(text) IS
'When a message was recorded, from its id: message.at. NULL if it is no message id.';

COMMENT ON FUNCTION webhooks.worker_state() IS
'This database''s worker: its process, since when it runs, how many calls are open, how many messages wait in its memory, since when something has to wait for a lock, and whether it could use webhooks.ca_file. No row if none runs. See status().';

COMMENT ON FUNCTION webhooks.start_worker() IS
'Starts this database''s worker and returns its process id; does nothing if it runs. Needed only where webhooks is not in shared_preload_libraries and the server was restarted.';

COMMENT ON FUNCTION webhooks.is_preloaded() IS
'Whether webhooks was in shared_preload_libraries when the server was started, so that workers start by themselves.';

COMMENT ON FUNCTION webhooks.library_version() IS
'The version of the library that this session has loaded. See status() for the one of the extension.';

COMMENT ON FUNCTION webhooks.check_url(text) IS
'Raises an error unless an endpoint may have this URL: http or https, a host, no user info, and no address that is forbidden (see webhooks.allowed_networks). Names are judged at every call instead.';

COMMENT ON FUNCTION webhooks.check_signature(text) IS
'Raises an error unless there is such a signature: standard, standard-ed25519, github, stripe, shopify, none.';

COMMENT ON FUNCTION webhooks.generate_secret(text) IS
'A new random secret, as create_webhook makes one for that signature. NULL where nothing is signed.';

COMMENT ON FUNCTION webhooks.check_secret(text, text) IS
'Raises an error unless the second text can be the secret of a webhook with the first as signature. The error shows nothing of it.';

COMMENT ON FUNCTION webhooks.public_key_of(text) IS
'The whpk_ that verifies what a whsk_ signs. See public_key(name).';

COMMENT ON FUNCTION webhooks.check_headers(text) IS
'Raises an error, which shows no value, unless a webhook may have these headers, as JSON, added to its calls.';

COMMENT ON FUNCTION webhooks.payload_columns(bytea) IS
'The columns of an event''s table that a payload names, in UTF-8, each with its place in the payload, and whether it is what was there before an update; raises an error if the JSON, in UTF-8, is neither the name of a preset nor a template.';

COMMENT ON FUNCTION webhooks.preview_call(bigint, bigint, timestamptz, bigint, bigint) IS
'For preview: headers and body, in UTF-8, of the call that would bring a message to a webhook. No row if the webhook has no endpoint or the message is not in the log.';

COMMENT ON FUNCTION webhooks.call_to_test(bigint) IS
'For test_webhook and create_webhook: calls each endpoint of the webhook with that id with a test message and waits for what comes of it.';

COMMENT ON FUNCTION webhooks.lock_definitions(oid, integer, boolean) IS
'Until the transaction ends: one session at a time changes this part of what a table defines, or, if not exclusively, any number of them. No advisory lock of SQL''s own functions is in its way.';

COMMENT ON FUNCTION webhooks.event_when(oid, boolean, boolean, boolean) IS
'The numbers of the columns whose change the WHEN clause of an event''s trigger asks for, and its condition, as bytes in the database''s encoding. What parts the clause has must be said: the event''s function, a change, a condition. No row if it has others.';

COMMENT ON FUNCTION webhooks.triggers_alike(oid, oid[], boolean, boolean) IS
'For add_event: those of some triggers of unnamed events that say what the first one says, whatever the names were when they were made. All are on one table and for one operation, and their WHEN clauses have the same parts: a change, a condition.';

COMMENT ON FUNCTION webhooks.event_expressions(bigint) IS
'The expressions for data, account and key in the function of the event with that id, as bytes in the database''s encoding. NULL if it has no function.';

COMMENT ON FUNCTION webhooks.tie_event_functions() IS
'Sees to it that a table is dropped together with the functions of its events, which a dump does not carry. Called by adopt and by the worker.';
