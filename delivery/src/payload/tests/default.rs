use std::sync::Arc;

use super::*;

fn default_body(message: &Message) -> String {
    body("default", &CONTEXT, message)
}

#[test]
fn an_update_tells_what_changed() {
    assert_eq!(
        default_body(&message(Operation::Update)),
        concat!(
            r#"{"eventId":"7","messageId":"msg_001j0us4uuci0000000000001a","webhookId":"3","#,
            r#""accountId":null,"eventDate":"2026-11-23T20:00:00.123456Z","#,
            r#""eventType":"table.recordUpdate","eventName":"lead:won","objectSchema":"public","#,
            r#""objectName":"orders","objectFields":["status"],"#,
            r#""data":[{"id":1,"status":"shipped"}],"old":[{"status":"new"}],"metadata":null}"#
        )
    );
}

#[test]
fn inserts_and_deletes_have_no_old_row() {
    for operation in [Operation::Insert, Operation::Delete] {
        let body = default_body(&message(operation));
        assert!(!body.contains("\"old\""), "{body}");
        assert!(!body.contains("objectFields"), "{body}");
        assert!(!body.contains("recordId"), "{body}");
        assert!(body.ends_with(
            r#""objectName":"orders","data":[{"id":1,"status":"shipped"}],"metadata":null}"#
        ));
    }
}

#[test]
fn an_unnamed_event_has_no_name() {
    let body = default_body(&unnamed(Operation::Insert));
    assert!(!body.contains("eventName"), "{body}");
    assert!(
        body.contains(r#""eventType":"table.recordInsert","objectSchema""#),
        "{body}"
    );
}

#[test]
fn an_emitted_message_is_about_its_record() {
    let body = default_body(&message(Operation::Emit));
    assert!(
        body.ends_with(concat!(
            r#""eventType":"lead:won","eventName":"lead:won","objectSchema":null,"#,
            r#""objectName":null,"recordId":"1","data":[{"id":1,"status":"shipped"}],"metadata":null}"#
        )),
        "{body}"
    );
}

#[test]
fn nothing_emitted_is_an_empty_list() {
    let mut message = message(Operation::Emit);
    (message.data, message.record) = (None, None);
    let body = default_body(&message);
    assert!(
        body.ends_with(r#""recordId":null,"data":[],"metadata":null}"#),
        "{body}"
    );
}

#[test]
fn account_metadata_and_the_handshake_key_go_with_it() {
    let mut message = message(Operation::Insert);
    message.account = Some("acme \"1\"".into());
    message.metadata = Some(r#"{"user": {"name": "Ann"}}"#.into());
    let body = body("default", &KEYED, &message);
    assert!(
        body.contains(r#""webhookId":"3","accountId":"acme \"1\"","eventDate""#),
        "{body}"
    );
    assert!(
        body.ends_with(r#","metadata":{"user": {"name": "Ann"}},"handshake_key":"gfhkd1\"asfsa"}"#),
        "{body}"
    );
}

#[test]
fn a_batch_is_an_array_even_of_one() {
    let (one, two) = (message(Operation::Insert), message(Operation::Delete));
    let (first, second) = (body("default", &KEYED, &one), body("default", &KEYED, &two));
    assert_eq!(batch("default", &KEYED, &[&one]), format!("[{first}]"));
    assert_eq!(
        batch("default", &KEYED, &[&one, &two]),
        format!("[{first},{second}]")
    );
}

#[test]
fn names_are_escaped_and_rows_are_left_alone() {
    let mut message = message(Operation::Update);
    message.changed = vec!["say \"hi\"\n".into(), "größe".into()];
    message.data = Some(r#"{"n":1.10000000000000000000001,"z":1.0e-7}"#.into());
    Arc::make_mut(&mut message.event).object_name = Some("a\\b\"\u{1}".into());
    let body = default_body(&message);
    assert!(
        body.contains(r#""objectFields":["say \"hi\"\n","größe"]"#),
        "{body}"
    );
    assert!(
        body.contains(r#""data":[{"n":1.10000000000000000000001,"z":1.0e-7}]"#),
        "{body}"
    );
    assert!(body.contains(r#""objectName":"a\\b\"\u0001""#), "{body}");
}

#[test]
fn a_message_that_was_too_large_says_what_is_missing() {
    let mut message = message(Operation::Insert);
    message.data = Some(r#"{"id":1}"#.into());
    message.omitted = Some(10_485_761);
    let body = default_body(&message);
    assert!(
        body.contains(r#""data":[{"id":1}],"omittedBytes":10485761,"metadata":"#),
        "{body}"
    );
}
