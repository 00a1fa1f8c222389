use std::sync::Arc;

use super::*;

const DIGITS: &str = r#"{"id":1,"total":1.10000000000000000000001}"#;

fn with_data(mut message: Message, data: &str) -> Message {
    message.data = Some(data.into());
    message
}

fn with_record(mut message: Message, record: Option<&str>) -> Message {
    message.record = record.map(str::to_owned);
    message
}

#[test]
fn standard_is_type_timestamp_and_data() {
    let named = with_data(message(Operation::Update), DIGITS);
    assert_eq!(
        body("standard", &CONTEXT, &named),
        format!(
            r#"{{"type":"lead:won","timestamp":"2026-11-23T20:00:00.123456Z","data":{DIGITS}}}"#
        )
    );
    let bare = Message {
        data: None,
        ..unnamed(Operation::Delete)
    };
    let expected = concat!(
        r#"{"type":"table.recordDelete","timestamp":"2026-11-23T20:00:00.123456Z","data":null,"#,
        r#""handshake_key":"gfhkd1\"asfsa"}"#
    );
    assert_eq!(body("standard", &KEYED, &bare), expected);
    assert_eq!(
        batch("standard", &KEYED, &[&bare, &bare]),
        format!("[{expected},{expected}]")
    );
}

#[test]
fn cloud_events_have_all_required_attributes() {
    let insert = with_data(message(Operation::Insert), DIGITS);
    let expected = format!(
        concat!(
            r#"{{"specversion":"1.0","id":"msg_001j0us4uuci0000000000001a","source":"/public/orders","#,
            r#""type":"lead:won","time":"2026-11-23T20:00:00.123456Z","subject":"1","#,
            r#""datacontenttype":"application/json","data":{}}}"#
        ),
        DIGITS
    );
    assert_eq!(body("cloudevents", &CONTEXT, &insert), expected);
    assert_eq!(
        batch("cloudevents", &CONTEXT, &[&insert]),
        format!("[{expected}]")
    );
}

#[test]
fn the_source_of_a_cloud_event_is_a_uri_reference() {
    let source = |integration_url: &'static str, message: &Message| {
        let context = Context {
            integration_url,
            ..CONTEXT
        };
        let body = body("cloudevents", &context, message);
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        value["source"].as_str().unwrap().to_owned()
    };
    let mut odd = message(Operation::Insert);
    Arc::make_mut(&mut odd.event).object_name = Some("a b/ü".into());
    assert_eq!(
        source("https://example.com/app/", &odd),
        "https://example.com/app/public/a%20b%2F%C3%BC"
    );
    let emitted = with_record(message(Operation::Emit), None);
    assert_eq!(source("", &emitted), "/");
    assert_eq!(
        source("https://example.com/a b", &emitted),
        "https://example.com/a%20b"
    );
    for record in [None, Some("")] {
        let emitted = with_record(message(Operation::Emit), record);
        assert!(
            !body("cloudevents", &CONTEXT, &emitted).contains("subject"),
            "{record:?}"
        );
    }
}

#[test]
fn the_record_is_the_primary_key_whatever_keeps_it_in_order() {
    for (key, primary_key, subject) in [
        (Some("C-1"), Some("7"), "7"),
        (None, Some("7"), "7"),
        (Some("3"), None, "3"),
    ] {
        let ordered = Message {
            primary_key: primary_key.map(str::to_owned),
            ..with_record(message(Operation::Insert), key)
        };
        for (preset, shown) in [
            ("cloudevents", format!("\"subject\":\"{subject}\"")),
            ("hubspot", format!("\"objectId\":{subject}")),
            ("superoffice", format!("\"PrimaryKey\":{subject}")),
        ] {
            let body = body(preset, &CONTEXT, &ordered);
            assert!(body.contains(&shown), "{key:?} {primary_key:?}: {body}");
        }
    }
}

#[test]
fn capsule_has_the_rows_of_one_event_in_one_array() {
    let one = with_data(message(Operation::Insert), DIGITS);
    assert_eq!(
        body("capsule", &CONTEXT, &one),
        format!(r#"{{"event":"lead:won","payload":[{DIGITS}]}}"#)
    );
    let two = message(Operation::Insert);
    assert_eq!(
        batch("capsule", &KEYED, &[&one, &two]),
        format!(
            r#"{{"event":"lead:won","payload":[{DIGITS},{{"id":1,"status":"shipped"}}],"handshake_key":"gfhkd1\"asfsa"}}"#
        )
    );
    let bare = Message {
        data: None,
        ..message(Operation::Emit)
    };
    assert_eq!(
        body("capsule", &CONTEXT, &bare),
        r#"{"event":"lead:won","payload":[]}"#
    );
}

#[test]
fn clinchpad_has_a_row_under_the_name_of_its_table() {
    let update = message(Operation::Update);
    let expected = concat!(
        r#"{"activity":{"_id":"msg_001j0us4uuci0000000000001a","created_at":"2026-11-23T20:00:00.123456Z","#,
        r#""type":"lead:won","old_status":"new"},"orders":{"id":1,"status":"shipped"},"#,
        r#""handshake_key":"gfhkd1\"asfsa"}"#
    );
    assert_eq!(body("clinchpad", &KEYED, &update), expected);
    assert_eq!(
        batch("clinchpad", &KEYED, &[&update]),
        format!("[{expected}]")
    );
}

#[test]
fn clinchpad_has_a_composed_object_at_the_top_and_its_activity_in_the_activity() {
    let data = concat!(
        r#"{"activity":{"note_content":"Hello world!","user":{"_id":"u"},"type":"note:created"},"#,
        r#""lead":{"_id":"l","value":1.10000000000000000000001},"handshake_key":"theirs"}"#
    );
    let expected = |handshake: &str| {
        format!(
            concat!(
                r#"{{"activity":{{"_id":"msg_001j0us4uuci0000000000001a","#,
                r#""created_at":"2026-11-23T20:00:00.123456Z","#,
                r#""note_content":"Hello world!","user":{{"_id":"u"}},"type":"note:created"}},"#,
                r#""lead":{{"_id":"l","value":1.10000000000000000000001}},"handshake_key":"{}"}}"#
            ),
            handshake
        )
    };
    let emitted = with_data(message(Operation::Emit), data);
    let mut composed = with_data(message(Operation::Insert), data);
    Arc::make_mut(&mut composed.event).has_data = true;
    // Which columns an update changed is not asked: the object says what is to be told.
    let mut updated = with_data(message(Operation::Update), data);
    Arc::make_mut(&mut updated.event).has_data = true;
    assert!(updated.old.is_some());
    for message in [&emitted, &composed, &updated] {
        assert_eq!(body("clinchpad", &CONTEXT, message), expected("theirs"));
        assert_eq!(
            body("clinchpad", &KEYED, message),
            expected(r#"gfhkd1\"asfsa"#)
        );
    }
}

#[test]
fn clinchpad_repeats_no_key_and_loses_no_object() {
    let activity = r#"{"activity":{"_id":"msg_001j0us4uuci0000000000001a","created_at":"2026-11-23T20:00:00.123456Z","type":"lead:won""#;
    let clinchpad = |data: &str| {
        body(
            "clinchpad",
            &CONTEXT,
            &with_data(message(Operation::Emit), data),
        )
    };
    assert_eq!(
        clinchpad(r#"{"activity":null,"a":1}"#),
        format!(r#"{activity}}},"a":1}}"#)
    );
    assert_eq!(
        clinchpad("[1,2]"),
        format!(r#"{activity}}},"data":[1,2]}}"#)
    );
    let mut table = with_data(message(Operation::Insert), r#"{"_id":5,"n":1}"#);
    Arc::make_mut(&mut table.event).object_name = Some("activity".into());
    assert_eq!(
        body("clinchpad", &CONTEXT, &table),
        r#"{"activity":{"created_at":"2026-11-23T20:00:00.123456Z","type":"lead:won","_id":5,"n":1}}"#
    );
}

#[test]
fn hubspot_has_an_element_for_each_property_that_changed() {
    let mut update = unnamed(Operation::Update);
    update.changed = ["status", "total", "note", "hidden"]
        .map(String::from)
        .to_vec();
    update.data = Some(
        r#"{"id":1,"total":1.10000000000000000000001,"status":"sub\"scriber","note":null}"#.into(),
    );
    update.account = Some("33".into());
    let element = |property: &str, kind: &str| {
        format!(
            concat!(
                r#"{{"objectId":1,{}"changeSource":"DATABASE","eventId":42,"subscriptionId":7,"portalId":33,"#,
                r#""appId":3,"occurredAt":1795464000123,"eventType":"orders.{}","attemptNumber":1}}"#
            ),
            property, kind
        )
    };
    let properties = [
        r#""propertyName":"status","propertyValue":"sub\"scriber","#,
        r#""propertyName":"total","propertyValue":1.10000000000000000000001,"#,
        r#""propertyName":"note","propertyValue":null,"#,
        // Not in what the event tells of the row: null would say that it is empty now.
        r#""propertyName":"hidden","#,
    ]
    .map(|property| element(property, "propertyChange"))
    .join(",");
    let hubspot = payload("\"hubspot\"");
    assert_eq!(
        body_of(&hubspot, &KEYED, &[(&update, 2)], false),
        format!("[{properties}]")
    );
    let mut insert = unnamed(Operation::Insert);
    insert.account = Some("33".into());
    assert_eq!(
        body_of(&hubspot, &KEYED, &[(&insert, 2), (&update, 2)], true),
        format!("[{},{properties}]", element("", "creation"))
    );
}

#[test]
fn hubspot_counts_attempts_from_zero_and_keeps_ids_that_are_no_numbers() {
    let delete = with_record(unnamed(Operation::Delete), Some("0012"));
    assert_eq!(
        body("hubspot", &CONTEXT, &delete),
        concat!(
            r#"[{"objectId":"0012","changeSource":"DATABASE","eventId":42,"subscriptionId":7,"portalId":null,"#,
            r#""appId":3,"occurredAt":1795464000123,"eventType":"orders.deletion","attemptNumber":0}]"#
        )
    );
    let emitted = with_record(message(Operation::Emit), None);
    let body = body("hubspot", &CONTEXT, &emitted);
    assert!(body.starts_with(r#"[{"objectId":null,"#), "{body}");
    assert!(body.contains(r#""eventType":"lead:won""#), "{body}");
}

#[test]
fn superoffice_has_the_record_and_the_names_of_what_changed() {
    let mut update = message(Operation::Update);
    Arc::make_mut(&mut update.event).name = Some("contact.changed".into());
    Arc::make_mut(&mut update.event).object_name = Some("contact".into());
    update.metadata = Some(r#"{"user":{"id":5,"name":"Ann"}}"#.into());
    let expected = concat!(
        r#"{"EventId":"msg_001j0us4uuci0000000000001a","Timestamp":"2026-11-23T20:00:00.123456Z","#,
        r#""Event":"contact.changed","Entity":"contact","PrimaryKey":1,"Changes":["status"],"#,
        r#""ChangedByAssociateId":5,"WebhookName":"shipping"}"#
    );
    assert_eq!(body("superoffice", &CONTEXT, &update), expected);
    assert_eq!(
        batch("superoffice", &CONTEXT, &[&update]),
        format!("[{expected}]")
    );
}

#[test]
fn superoffice_names_what_has_no_name_and_what_is_raised_by_hand() {
    let part = |message: &Message| {
        let body = body("superoffice", &KEYED, message);
        let (start, end) = (
            body.find("\"Event\"").unwrap(),
            body.find(",\"WebhookName\"").unwrap(),
        );
        assert!(
            body.ends_with(r#""WebhookName":"shipping","handshake_key":"gfhkd1\"asfsa"}"#),
            "{body}"
        );
        body[start..end].to_owned()
    };
    assert_eq!(
        part(&unnamed(Operation::Insert)),
        r#""Event":"orders.created","Entity":"orders","PrimaryKey":1,"Changes":["id","status"],"ChangedByAssociateId":null"#
    );
    assert_eq!(
        part(&with_record(unnamed(Operation::Delete), Some("a"))),
        r#""Event":"orders.deleted","Entity":"orders","PrimaryKey":"a","Changes":[],"ChangedByAssociateId":null"#
    );
    let mut emitted = with_data(message(Operation::Emit), r#"{"stage":2}"#);
    Arc::make_mut(&mut emitted.event).name = Some("foo.bar".into());
    assert_eq!(
        part(&with_record(emitted, Some("123"))),
        r#""Event":"foo.bar","Entity":"foo","PrimaryKey":123,"Changes":["stage"],"ChangedByAssociateId":null"#
    );
}
