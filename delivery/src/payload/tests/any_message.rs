//! Whatever the message, each payload gives a body, the body is valid JSON, and no key is there twice in what is not the
//! user's own.

use std::sync::Arc;

use super::*;
use crate::message::Event;
use crate::retry::Random;

const NAMES: &[&str] = &[
    "",
    "orders",
    "activity",
    "handshake_key",
    "a.b",
    "say \"hi\"\n",
    "größe\u{1f600}",
    "\u{0}\\",
    "_id",
];
const VALUES: &[&str] = &[
    "null",
    "true",
    "-0",
    "1e400",
    "12345678901234567890123.0000",
    r#""""#,
    r#""a\"b\\\u0000\ud83d""#,
    "[]",
    r#"[ {"x" : [1, 2]} ,null]"#,
    "{}",
    r#"{"activity":{"_id":1},"\udc00":2,"user":{"id":[3]},"user":4}"#,
];

struct Maker(Random);

impl Maker {
    fn below(&mut self, bound: usize) -> usize {
        ((self.0.unit() * bound as f64) as usize).min(bound - 1)
    }

    fn one_of<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[self.below(among.len())]
    }

    fn perhaps(&mut self, among: &[&str]) -> Option<String> {
        (self.below(3) > 0).then(|| self.one_of(among).to_owned())
    }

    fn object(&mut self) -> String {
        let members: Vec<String> = (0..self.below(5))
            .map(|_| {
                let key = serde_json::to_string(self.one_of(NAMES)).unwrap();
                format!("{key} :{}", self.one_of(VALUES))
            })
            .collect();
        format!("{{{}}}", members.join(","))
    }

    fn json(&mut self) -> Option<String> {
        match self.below(4) {
            0 => self.perhaps(VALUES),
            _ => Some(self.object()),
        }
    }

    fn message(&mut self) -> Message {
        const OPERATIONS: [Operation; 4] = [
            Operation::Insert,
            Operation::Update,
            Operation::Delete,
            Operation::Emit,
        ];
        Message {
            seq: self.below(2) as i64 - 1,
            at: [0, -1, 1_795_464_000_123_456, -62_000_000_000_000_000][self.below(4)],
            xid: 700,
            event: Arc::new(Event {
                id: 7,
                name: self.perhaps(NAMES),
                event_type: self.one_of(NAMES).into(),
                object_schema: self.perhaps(NAMES),
                object_name: self.perhaps(NAMES),
                has_data: self.below(2) == 0,
            }),
            operation: OPERATIONS[self.below(4)],
            record: self.perhaps(&[
                "",
                "1",
                "-9223372036854775808",
                "1e3",
                "0x1",
                "+1",
                "[1,\"a\"]",
                "\u{0}",
            ]),
            primary_key: self.perhaps(&["", "7", "[1,\"a\"]"]),
            changed: (0..self.below(4))
                .map(|_| self.one_of(NAMES).to_owned())
                .collect(),
            data: self.json(),
            old: self.json(),
            account: self.perhaps(NAMES),
            metadata: self.json(),
            omitted: None,
        }
    }
}

fn templates() -> Vec<Payload> {
    let mut texts: Vec<String> = placeholder::PLACEHOLDERS
        .iter()
        .flat_map(|text| {
            NAMES
                .iter()
                .filter(|name| !name.is_empty())
                .map(move |name| {
                    let text = text
                        .replace("<column>", name)
                        .replace("<path>", "activity._id");
                    let text = serde_json::to_string(&format!("[@{text}]")).unwrap();
                    format!(
                        r#"{{"a":[{text},"\u001f<{}>\n"]}}"#,
                        &text[1..text.len() - 1]
                    )
                })
        })
        .collect();
    texts.extend(
        VALUES
            .iter()
            .filter(|value| !value.starts_with('"'))
            .map(|&value| value.to_owned()),
    );
    texts.iter().map(|text| payload(text)).collect()
}

#[test]
fn gives_valid_json_in_every_payload() {
    let mut maker = Maker(Random::from_seed(7));
    let payloads: Vec<Payload> = PRESETS
        .iter()
        .map(|name| payload(&format!("\"{name}\"")))
        .chain(templates())
        .collect();
    for round in 0..100 {
        let messages: Vec<Message> = (0..round % 4).map(|_| maker.message()).collect();
        let items: Vec<(&Message, u32)> = messages.iter().map(|message| (message, round)).collect();
        for payload in &payloads {
            for context in [&CONTEXT, &KEYED] {
                let batched = body_of(payload, context, &items, true);
                let is_array = batched.starts_with('[') && batched.ends_with(']');
                assert_eq!(is_array, !matches!(payload, Payload::Capsule), "{batched}");
                body_of(payload, context, &items, false);
            }
        }
    }
}

#[test]
fn gives_no_preset_with_a_key_twice() {
    let mut maker = Maker(Random::from_seed(8));
    for _ in 0..2000 {
        let mut message = maker.message();
        message.data =
            Some(r#"{"activity":{"_id":1,"old_x":2,"type":3},"handshake_key":"b","x":1}"#.into());
        message.old = Some(r#"{"x":1,"_id":2}"#.into());
        for preset in PRESETS.iter().filter(|&&preset| preset != "hubspot") {
            let body = body(preset, &KEYED, &message);
            assert_no_key_twice(&body);
        }
    }
}

fn assert_no_key_twice(body: &str) {
    let check = |object: &str| {
        let mut seen = std::collections::HashSet::new();
        json::members(object, |key, _| {
            assert!(seen.insert(key.to_owned()), "{key} twice in {body}")
        });
    };
    check(body);
    if let Some(activity) = json::member(body, "activity") {
        check(activity);
    }
}

/// Every cut and every changed byte of some templates: an error or a payload that works.
#[test]
fn mangled_templates_do_no_harm() {
    let sources = [
        r#"{"a":"[@out-hook:eventId] [@field:\u00fc] x","b":["[@data:a.0]",{"[@old]":"[@metadata:x]"}]}"#,
        r#""[@sys:IntegrationURL]""#,
        "\"default\"",
    ];
    let message = message(Operation::Update);
    let mut made = 0;
    for source in sources {
        for at in 0..source.len() {
            for byte in b"\"\\[]{}@:,.u0\x01\xc3 " {
                let mut bytes = source.as_bytes().to_vec();
                bytes[at] = *byte;
                for end in [at, source.len()] {
                    let text = String::from_utf8_lossy(&bytes[..end]);
                    match Payload::parse(&text) {
                        Ok(payload) => {
                            made += 1;
                            body_of(&payload, &KEYED, &[(&message, 1)], false);
                        }
                        Err(problem) => {
                            assert!(!problem.to_string().is_empty() && !problem.hint().is_empty())
                        }
                    }
                }
            }
        }
    }
    assert!(made > 100, "{made}");
}
