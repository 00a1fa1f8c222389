//! Whether a body has the shape that it should have: the same keys, no fewer and no more, at every level, and values of the same
//! JSON types. Where a value differs from run to run the shape has its type instead: `"<string>"`, `"<number>"`, `"<boolean>"`,
//! or `"<time>"` for a time in UTC. All others must be equal.

use serde_json::Value;

/// What is different, each with the JSON pointer of where; empty if nothing is.
pub fn differences(shape: &Value, body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", shape, body, &mut found);
    found
}

fn compare(at: &str, shape: &Value, body: &Value, found: &mut Vec<String>) {
    match (shape, body) {
        (Value::Object(shape), Value::Object(body)) => {
            for (key, shape) in shape {
                match body.get(key) {
                    Some(value) => compare(&format!("{at}/{key}"), shape, value, found),
                    None => found.push(format!("{at}/{key} is missing")),
                }
            }
            let surplus = body.keys().filter(|key| !shape.contains_key(*key));
            found.extend(surplus.map(|key| format!("{at}/{key} should not be there")));
        }
        (Value::Array(shape), Value::Array(body)) => {
            if shape.len() != body.len() {
                let (expected, got) = (shape.len(), body.len());
                found.push(format!("{at} has {got} elements instead of {expected}"));
            }
            for (place, (shape, value)) in shape.iter().zip(body).enumerate() {
                compare(&format!("{at}/{place}"), shape, value, found);
            }
        }
        _ if !is(shape, body) => found.push(format!("{at} is {body} instead of {shape}")),
        _ => {}
    }
}

fn is(shape: &Value, body: &Value) -> bool {
    match shape.as_str() {
        Some("<string>") => body.is_string(),
        Some("<number>") => body.is_number(),
        Some("<boolean>") => body.is_boolean(),
        Some("<time>") => body.as_str().is_some_and(is_time),
        _ => shape == body,
    }
}

/// `2026-11-23T20:00:00Z`, with any fraction of a second, or with `+00:00`.
fn is_time(text: &str) -> bool {
    let Some(text) = text.strip_suffix('Z').or(text.strip_suffix("+00:00")) else {
        return false;
    };
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let pattern: String = seconds
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    pattern == "9999-99-99T99:99:99" && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn a_shape_is_compared_key_by_key_and_type_by_type() {
    use serde_json::json;
    let shape = json!({"a": "<string>", "b": [{"c": "<number>"}], "d": null, "e": 1, "t": "<time>", "f": "<boolean>"});
    let with = |pointer: &str, value: Value| {
        let mut body = json!({"a": "x", "b": [{"c": 1.5}], "d": null, "e": 1, "t": "2026-11-23T20:00:00.1Z", "f": true});
        if !pointer.is_empty() {
            *body.pointer_mut(pointer).unwrap() = value;
        }
        differences(&shape, &body)
    };
    assert!(with("", Value::Null).is_empty());
    assert_eq!(with("/a", json!(1)), ["/a is 1 instead of \"<string>\""]);
    assert_eq!(
        with("/a", Value::Null),
        ["/a is null instead of \"<string>\""]
    );
    assert_eq!(
        with("/b/0/c", json!("1")),
        ["/b/0/c is \"1\" instead of \"<number>\""]
    );
    assert_eq!(
        with("/b/0", json!({"c": 1, "x": 2})),
        ["/b/0/x should not be there"]
    );
    assert_eq!(with("/b/0", json!({})), ["/b/0/c is missing"]);
    assert_eq!(with("/b", json!([])), ["/b has 0 elements instead of 1"]);
    assert_eq!(with("/d", json!("")), ["/d is \"\" instead of null"]);
    assert_eq!(with("/e", json!(2)), ["/e is 2 instead of 1"]);
    assert_eq!(with("/f", json!("true")).len(), 1);
    for time in [
        "2026-11-23 20:00:00Z",
        "2026-11-23T20:00:00",
        "2026-11-23T20:00:00.xZ",
        "",
    ] {
        assert_eq!(with("/t", json!(time)).len(), 1, "{time}");
    }
}
