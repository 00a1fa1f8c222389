use super::*;

/// The template that Caspio's documentation gives.
const CASPIO: &str = r#"{ "eventId": "[@out-hook:eventId]", "messageId": "[@out-hook:messageId]", "webhookId": "[@out-hook:webhookId]", "accountId": "[@out-hook:accountId]", "secret": "[@out-hook:secret]", "eventDate": "[@out-hook:eventDate]", "eventType": "[@out-hook:eventType]", "objectName": "[@out-hook:objectName]", "data": [ { "PK_ID": "[@field:id]", "Status": "[@field:status]" } ] }"#;

fn fill(template: &str, message: &Message) -> String {
    let context = Context {
        integration_url: "https://example.com/app",
        ..KEYED
    };
    body_of(&payload(template), &context, &[(message, 2)], false)
}

/// What one string of a template becomes.
fn filled(string: &str, message: &Message) -> String {
    fill(&serde_json::to_string(string).unwrap(), message)
}

fn rich() -> Message {
    let mut update = message(Operation::Update);
    update.account = Some("acme".into());
    update.data = Some(
        r#"{"id":12345678901234567890.10,"ok":true,"none":null,"text":"a \"b\"\u00fc","list":[1.0,{"x":"y"}],"a.b":1}"#.into(),
    );
    update.old = Some(r#"{"status":{"was": 1e400}}"#.into());
    update.metadata = Some(r#"{"user":{"name":"Ann","roles":["x","y"]}}"#.into());
    update
}

#[test]
fn caspios_own_template() {
    assert_eq!(
        fill(CASPIO, &message(Operation::Insert)),
        concat!(
            r#"{"eventId":"7","messageId":"msg_001j0us4uuci0000000000001a","webhookId":"3","accountId":null,"#,
            r#""secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw","eventDate":"2026-11-23T20:00:00.123456Z","#,
            r#""eventType":"table.recordInsert","objectName":"orders","data":[{"PK_ID":1,"Status":"shipped"}]}"#
        )
    );
}

#[test]
fn a_string_that_is_one_placeholder_has_the_values_type() {
    let message = rich();
    for (placeholder, expected) in [
        ("[@out-hook:eventId]", r#""7""#),
        (
            "[@out-hook:messageId]",
            r#""msg_001j0us4uuci0000000000001a""#,
        ),
        ("[@out-hook:callId]", r#""call_1""#),
        ("[@out-hook:webhookId]", r#""3""#),
        ("[@out-hook:accountId]", r#""acme""#),
        (
            "[@out-hook:secret]",
            r#""whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw""#,
        ),
        ("[@out-hook:eventDate]", r#""2026-11-23T20:00:00.123456Z""#),
        ("[@out-hook:eventType]", r#""table.recordUpdate""#),
        ("[@out-hook:eventName]", r#""lead:won""#),
        ("[@out-hook:objectName]", r#""orders""#),
        ("[@out-hook:objectFields]", r#"["status"]"#),
        ("[@out-hook:attempt]", "2"),
        ("[@out-hook:handshakeKey]", r#""gfhkd1\"asfsa""#),
        ("[@sys:IntegrationURL]", r#""https://example.com/app""#),
        ("[@field:id]", "12345678901234567890.10"),
        ("[@field:ok]", "true"),
        ("[@field:none]", "null"),
        ("[@field:text]", r#""a \"b\"\u00fc""#),
        ("[@field:list]", r#"[1.0,{"x":"y"}]"#),
        ("[@field:a.b]", "1"),
        ("[@old:status]", r#"{"was": 1e400}"#),
        ("[@data:list.1.x]", r#""y""#),
        ("[@data:list.7]", "null"),
        ("[@metadata:user.roles.0]", r#""x""#),
        ("[@metadata:user.age]", "null"),
        ("[@old]", r#"{"status":{"was": 1e400}}"#),
        (
            "[@metadata]",
            r#"{"user":{"name":"Ann","roles":["x","y"]}}"#,
        ),
    ] {
        assert_eq!(filled(placeholder, &message), expected, "{placeholder}");
    }
    assert_eq!(filled("[@data]", &message), message.data.unwrap());
}

#[test]
fn within_text_a_value_is_its_text() {
    let message = rich();
    for (text, expected) in [
        ("<[@field:text]>", r#""<a \"b\"ü>""#),
        (
            "[@field:id] [@field:ok]",
            r#""12345678901234567890.10 true""#,
        ),
        ("-[@field:none]-[@field:lost]-", r#""---""#),
        (" [@field:list]", r#"" [1.0,{\"x\":\"y\"}]""#),
        (
            "#[@out-hook:attempt]: \"[@out-hook:objectFields]\"",
            r##""#2: \"[\"status\"]\"""##,
        ),
        ("[@out-hook:handshakeKey]\n", r#""gfhkd1\"asfsa\n""#),
        ("[[@field:ok]]", r#""[true]""#),
    ] {
        assert_eq!(filled(text, &message), expected, "{text}");
    }
}

#[test]
fn what_a_message_lacks_is_null_or_empty() {
    let mut bare = message(Operation::Emit);
    (bare.data, bare.record) = (None, None);
    std::sync::Arc::make_mut(&mut bare.event).name = None;
    for placeholder in [
        "[@out-hook:accountId]",
        "[@out-hook:objectName]",
        "[@out-hook:objectFields]",
        "[@out-hook:eventName]",
        "[@out-hook:handshakeKey]",
        "[@out-hook:secret]",
        "[@sys:IntegrationURL]",
        "[@field:id]",
        "[@old:id]",
        "[@data:id.x]",
        "[@data]",
        "[@old]",
        "[@metadata]",
    ] {
        let template = payload(&format!(r#"["{placeholder}","<{placeholder}>"]"#));
        let context = Context {
            secret: None,
            ..CONTEXT
        };
        let body = body_of(&template, &context, &[(&bare, 1)], false);
        assert_eq!(body, r#"[null,"<>"]"#, "{placeholder}");
    }
}

#[test]
fn what_is_no_placeholder_stays_as_it_is() {
    let template = r#"{"b":[1.10000000000000000000001,true,null,{},[]],"a":"x [y] @z [out-hook:eventId]","ü\n":""}"#;
    assert_eq!(fill(template, &message(Operation::Insert)), template);
}

#[test]
fn keys_take_placeholders_as_text() {
    let template = r#"{"[@out-hook:objectName]":"[@data]","n[@field:id]":0}"#;
    assert_eq!(
        fill(template, &message(Operation::Insert)),
        r#"{"orders":{"id":1,"status":"shipped"},"n1":0}"#
    );
}

#[test]
fn a_batch_is_an_array() {
    let message = message(Operation::Insert);
    let template = payload(r#"{"id":"[@field:id]","n":"[@out-hook:attempt]"}"#);
    assert_eq!(
        body_of(&template, &KEYED, &[(&message, 1), (&message, 3)], true),
        r#"[{"id":1,"n":1},{"id":1,"n":3}]"#
    );
}

#[test]
fn errors_say_where_and_what_there_is() {
    let problem = |text: &str| Payload::parse(text).unwrap_err();
    let unknown = problem(r#"{"a/b":["x","größe [@out-hook:evntId]"]}"#);
    assert_eq!(
        unknown.to_string(),
        "there is no placeholder [@out-hook:evntId] at /a~1b/1, character 7"
    );
    assert!(
        unknown
            .hint()
            .starts_with("Placeholders, the nearest first: [@out-hook:eventId], [@"),
        "{}",
        unknown.hint()
    );
    assert_eq!(
        problem(r#"{"[@field:]":1}"#).to_string(),
        "the placeholder [@field:] lacks a name in the key at /[@field:], character 1"
    );
    assert_eq!(
        problem(r#""x[@data:a""#).to_string(),
        "a placeholder has no closing bracket at character 2"
    );
    assert_eq!(
        problem(r#"[[["[@field:a][@sys:url]"]]]"#).to_string(),
        "there is no placeholder [@sys:url] at /0/0/0, character 11"
    );
}

#[test]
fn columns_are_listed_with_their_places() {
    let template =
        payload(r#"{"a":["x [@field:id] [@old:status]"],"b":"[@field:id]","c":"[@data:id]"}"#);
    let uses: Vec<String> = template
        .columns()
        .iter()
        .map(
            |ColumnUse {
                 column,
                 old,
                 position,
             }| format!("{column} {old} {position}"),
        )
        .collect();
    assert_eq!(
        uses,
        [
            "id false at /a/0, character 3",
            "status true at /a/0, character 15",
            "id false at /b, character 1"
        ]
    );
    assert!(payload("\"clinchpad\"").columns().is_empty());
}

#[test]
fn templates_have_limits() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Payload::parse(&nested(64)).is_ok());
    assert_eq!(
        Payload::parse(&nested(65)).unwrap_err(),
        PayloadProblem::TooDeep
    );
    assert_eq!(
        Payload::parse(&nested(30_000)).unwrap_err(),
        PayloadProblem::TooDeep
    );
    let long = format!("[\"{}\"]", "x".repeat(64 * 1024));
    assert_eq!(
        Payload::parse(&long).unwrap_err(),
        PayloadProblem::TooLong(long.len())
    );
}

#[test]
fn a_template_cannot_blow_a_message_up_without_bound() {
    let mut large = message(Operation::Insert);
    large.data = Some(format!(r#"{{"a":"{}"}}"#, "x".repeat(1024 * 1024)));
    let fits = payload(&format!("[{}]", vec![r#""[@data]""#; 60].join(",")));
    let item = [Item {
        message: &large,
        attempt: 1,
    }];
    assert_eq!(fits.append(&mut Vec::new(), &CONTEXT, &item, false), Ok(()));
    let too_large = payload(&format!("[{}]", vec![r#""[@data]""#; 70].join(",")));
    assert_eq!(
        too_large.append(&mut Vec::new(), &CONTEXT, &item, false),
        Err(TooLarge)
    );
}
