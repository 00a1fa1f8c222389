//! Secrets and the values of headers are shown by no error, no log, and nothing else that others can read.

use postgres::types::ToSql;
use webhooks_e2e::{wait_until, Server, Session};

/// Is part of everything secret here.
const SECRET: &str = "U2VjcmV0U2VjcmV0U2VjcmV0U2VjcmV0";

/// Runs a statement that must fail, with parameters: what is typed into a statement itself is in the log if the server logs
/// statements, which no extension can help. Everything that the error says is returned.
#[track_caller]
fn complaint(session: &mut Session, sql: &str, parameters: &[&str]) -> String {
    let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|p| p as _).collect();
    match session.query(sql, &parameters) {
        Ok(_) => panic!("this should be refused: {sql}"),
        Err(error) => format!("{:?}", error.as_db_error().expect("an error of the server")),
    }
}

#[test]
fn nothing_that_goes_wrong_shows_a_secret() {
    // Its own server, for its own log: as talkative about errors as it can be.
    let server = Server::preloaded()
        .set("log_error_verbosity", "verbose")
        .start();
    let database = server.database();
    let mut session = database.connect();
    let good = format!("whsec_{SECRET}");
    let token = format!("Bearer {SECRET}");
    session
        .query(
            "SELECT webhooks.create_webhook('taken', 'https://example.com/', secret => $1,
                                            headers => jsonb_build_object('authorization', $2::text))",
            &[&good, &token],
        )
        .expect("a webhook");

    let mut said = Vec::new();
    let mut provoke = |sql: &str, parameters: &[&str]| {
        said.push(complaint(&mut session, sql, parameters));
    };
    let create = |rest: &str| {
        format!("SELECT webhooks.create_webhook('new', 'https://example.com/', {rest})")
    };
    for (rest, secret) in [
        ("secret => $1", SECRET.to_owned()),
        ("secret => $1", format!("{good}*")),
        ("secret => $1", format!("whsec_{}", &SECRET[..28])),
        (
            "secret => $1, signature => 'standard-ed25519'",
            good.clone(),
        ),
        (
            "secret => $1, signature => 'standard-ed25519'",
            format!("whsk_{SECRET}"),
        ),
        ("secret => $1, signature => 'stripe'", SECRET.to_owned()),
        ("secret => $1, signature => 'github'", format!("{SECRET}\n")),
        ("secret => $1, signature => 'shopify'", SECRET.repeat(9)),
        ("secret => $1, signature => 'none'", good.clone()),
        ("secret => $1, max_in_flight => 0", good.clone()),
        ("secret => $1, retry_schedule => '{-1s}'", good.clone()),
        ("secret => $1, headers => '[]'", good.clone()),
        ("signature => $1", good.clone()),
        (
            "headers => jsonb_build_object('authorization', $1::text)",
            format!("{token}\n"),
        ),
        (
            "headers => jsonb_build_object('authorization', array[$1::text])",
            token.clone(),
        ),
        (
            "headers => jsonb_build_object($1::text, '')",
            format!("Authorization: {token}"),
        ),
        (
            "headers => jsonb_build_object('host', $1::text)",
            token.clone(),
        ),
        (
            "headers => jsonb_build_object('x-a', $1::text, 'X-A', '')",
            token.clone(),
        ),
        (
            "headers => jsonb_build_object('x-a', $1::text)",
            token.repeat(200),
        ),
        ("headers => to_jsonb($1::text)", token.clone()),
    ] {
        provoke(&create(rest), &[&secret]);
    }
    provoke(
        "SELECT webhooks.create_webhook('taken', 'https://example.com/', secret => $1)",
        &[&good],
    );
    provoke(
        "SELECT webhooks.create_webhook('new', 'https://10.0.0.1/', secret => $1)",
        &[&good],
    );
    provoke(
        "SELECT webhooks.rotate_secret('taken', secret => $1)",
        &[&good],
    );
    provoke(
        "SELECT webhooks.rotate_secret('taken', secret => $1)",
        &[SECRET],
    );
    provoke(
        "SELECT webhooks.rotate_secret('taken', '-1s', $1)",
        &[&good],
    );
    provoke(
        "SELECT webhooks.rotate_secret('nobody', secret => $1)",
        &[&good],
    );
    provoke("SELECT webhooks.public_key_of($1)", &[&good]);
    for (rest, secret) in [
        ("secret => $1", SECRET.to_owned()),
        ("secret => $1, signature => 'none'", good.clone()),
        (
            "secret => $1, signature => 'standard-ed25519'",
            good.clone(),
        ),
        ("secret => $1, ordering => 'any'", good.clone()),
        (
            "headers => jsonb_build_object('host', $1::text)",
            token.clone(),
        ),
        ("signature => $1", good.clone()),
    ] {
        let alter = format!("SELECT webhooks.alter_webhook('taken', {rest})");
        provoke(&alter, &[&secret]);
    }
    // By hand, against every constraint there is.
    for by_hand in [
        "UPDATE webhooks.webhook SET name = ''",
        "UPDATE webhooks.webhook SET name = NULL",
        "UPDATE webhooks.webhook SET signature = 'md5'",
        "UPDATE webhooks.webhook SET max_in_flight = 0",
        "UPDATE webhooks.webhook SET timeout = '0'",
        "UPDATE webhooks.secret SET webhook_id = 99",
        "UPDATE webhooks.secret SET id = 1, secret = NULL",
        "INSERT INTO webhooks.secret (webhook_id, secret) SELECT webhook_id, secret FROM webhooks.secret",
        "INSERT INTO webhooks.header (webhook_id, name, value) SELECT webhook_id, name, value FROM webhooks.header",
        "UPDATE webhooks.header SET webhook_id = 99",
    ] {
        provoke(by_hand, &[]);
    }
    assert!(
        said.iter()
            .any(|error| error.contains("Failing row contains")),
        "this server shows rows"
    );

    // What the worker cannot use, it says.
    for (broken, problem) in [
        (
            "UPDATE webhooks.secret SET secret = secret || '*'",
            "its secret cannot sign",
        ),
        (
            "UPDATE webhooks.secret SET secret = rtrim(secret, '*');
             UPDATE webhooks.header SET value = value || E'\\n'",
            "its headers cannot be sent",
        ),
    ] {
        session.run(broken);
        let warning = format!(r#"webhook "taken" is left out: {problem}"#);
        wait_until(&warning, || server.log().contains(&warning));
    }

    for error in &said {
        assert!(!error.contains(SECRET), "{error}");
    }
    let log = server.log();
    assert!(log.contains("SELECT webhooks.rotate_secret('taken', secret => $1)"));
    assert!(!log.contains(SECRET), "the server's log");
    let others = "SELECT concat_ws(E'\\n', (SELECT string_agg(concat(query, application_name), E'\\n') FROM pg_stat_activity),
                                   (SELECT string_agg(encode(tgargs, 'escape'), E'\\n') FROM pg_trigger),
                                   (SELECT string_agg(s::text, E'\\n') FROM webhooks.webhook_stats s),
                                   (SELECT string_agg(w::text, E'\\n') FROM webhooks.webhook w))";
    let seen = session
        .query_one(others, &[])
        .expect("what can be seen")
        .get::<_, String>(0);
    assert!(!seen.contains(SECRET), "{seen}");
}
