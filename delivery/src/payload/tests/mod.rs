//! Whole bodies, compared with what the specification and the products that the presets come from show.

mod any_message;
mod default;
mod presets;
mod templates;

use super::*;
use crate::message::Operation;
use sample::{CONTEXT, KEYED, batch, body, body_of, message, payload, unnamed};

#[test]
fn a_preset_is_a_string_and_others_are_refused_with_the_nearest_first() {
    assert!(matches!(payload("\"default\""), Payload::Default));
    assert!(matches!(payload(" \"hub\\u0073pot\" "), Payload::HubSpot));
    let problem = Payload::parse("\"superofice\"").unwrap_err();
    assert_eq!(problem.to_string(), "there is no preset \"superofice\"");
    assert!(
        problem
            .hint()
            .starts_with("Presets, the nearest first: superoffice, ")
    );
    for name in PRESETS {
        assert!(
            !matches!(payload(&format!("\"{name}\"")), Payload::Template(_)),
            "{name}"
        );
    }
}

#[test]
fn only_json_is_a_payload() {
    for text in ["", "default", "{", "[1,]", "\"a", "1 2"] {
        assert!(
            matches!(Payload::parse(text), Err(PayloadProblem::NotJson(_))),
            "{text}"
        );
    }
}

#[test]
fn the_content_type_is_jsons_or_that_of_cloud_events() {
    assert_eq!(
        payload("\"default\"").content_type(true),
        "application/json"
    );
    let cloudevents = payload("\"cloudevents\"");
    assert_eq!(
        cloudevents.content_type(false),
        "application/cloudevents+json"
    );
    assert_eq!(
        cloudevents.content_type(true),
        "application/cloudevents-batch+json"
    );
}

#[test]
fn only_capsules_messages_must_be_of_one_event() {
    let (one, mut other) = (message(Operation::Insert), message(Operation::Insert));
    std::sync::Arc::make_mut(&mut other.event).id = 8;
    assert!(payload("\"hubspot\"").shares_call(&one, &other));
    assert!(payload("\"capsule\"").shares_call(&one, &one));
    assert!(!payload("\"capsule\"").shares_call(&one, &other));
}
