//! What has gone wrong at endpoints, told by `webhook.errors`: once for a webhook and transaction of the worker, so that
//! 100,000 failed deliveries are not 100,000 more messages. Told in the transaction that writes it down.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgrx::datum::DatumWithOid;
use pgrx::spi::SpiClient;
use webhooks_delivery::{Delivery, Endpoint, Event, Finished, MessageId};

use super::deliveries::place_of;
use crate::log::{to_unix, Place};
use crate::pg::encoding::{storable, Utf8};
use crate::pg::statement::array;

/// Of so many messages the ids are told, for each endpoint.
const EXAMPLES: usize = 5;

/// A call to a URL that the endpoint had before says nothing about the one that it has.
const TELL: &str = "
    WITH lost AS MATERIALIZED (
        SELECT e.id, c.how
          FROM webhooks.endpoint e
          JOIN unnest($8::bigint[], $9::text[], $10::text[]) AS c (id, url, how) ON e.id = c.id AND e.url = c.url
           FOR NO KEY UPDATE OF e)
    SELECT webhooks.tell_errors(ARRAY(
        SELECT ROW(u.endpoint_id, u.failed, u.untold, u.reduced, false, u.status, u.error,
                   string_to_array(u.message_ids, ','))::webhooks.trouble
          FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::text[], $7::text[])
               AS u (endpoint_id, failed, untold, reduced, status, error, message_ids)
        UNION ALL
        SELECT t FROM webhooks.retire_endpoints(ARRAY(SELECT id FROM lost WHERE how = 'gone')) AS t
        UNION ALL
        SELECT t FROM webhooks.disable_endpoints(ARRAY(SELECT id FROM lost WHERE how = 'asked'),
                                                 ARRAY(SELECT id FROM lost WHERE how = 'exhausted')) AS t))";

/// By endpoint.
#[derive(Default)]
pub struct Troubles(BTreeMap<i64, Trouble>);

/// As `webhooks.trouble` has it.
#[derive(Default)]
struct Trouble {
    failed: i64,
    untold: i64,
    reduced: i64,
    last_status: Option<i32>,
    last_error: Option<String>,
    message_ids: Vec<String>,
}

impl Trouble {
    fn example(&mut self, place: &Place) {
        if self.message_ids.len() < EXAMPLES {
            let id = MessageId {
                at: to_unix(place.at),
                seq: place.seq,
            };
            self.message_ids.push(id.to_string());
        }
    }
}

/// Endpoints that are called no more.
pub struct Lost {
    /// Which.
    pub endpoint: Arc<Endpoint>,
    /// Why.
    pub how: How,
}

/// Why an endpoint is called no more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It has answered 410.
    Gone,
    /// It has asked for no more calls.
    Asked,
    /// Nothing has reached it for as long as a schedule says; it depends on its webhook what follows.
    Exhausted,
}

impl Troubles {
    /// A delivery has failed for good.
    pub fn failed(&mut self, call: &Finished, delivery: &Delivery) {
        let trouble = self.0.entry(delivery.endpoint.id).or_default();
        trouble.failed += 1;
        trouble.untold += i64::from(delivery.message.event.is_about_webhooks());
        trouble.last_status = call.status.map(i32::from);
        trouble.last_error = call
            .error
            .as_ref()
            .map(|error| storable(&error.to_string()));
        trouble.example(&place_of(delivery));
    }

    /// A message that is larger than may be goes to an endpoint with nothing but its key.
    pub fn reduced(&mut self, endpoint_id: i64, event: &Event, place: &Place) {
        if !event.is_about_webhooks() {
            let trouble = self.0.entry(endpoint_id).or_default();
            trouble.reduced += 1;
            trouble.example(place);
        }
    }

    /// Writes down which endpoints are lost and tells all of it, inside a transaction.
    pub fn tell(self, client: &mut SpiClient<'_>, lost: &[Lost]) {
        if self.0.is_empty() && lost.is_empty() {
            return;
        }
        let all: Vec<(i64, Trouble)> = self.0.into_iter().collect();
        let arguments: [DatumWithOid<'_>; 10] = [
            array(&all, |(endpoint_id, _)| *endpoint_id),
            array(&all, |(_, trouble)| trouble.failed),
            array(&all, |(_, trouble)| trouble.untold),
            array(&all, |(_, trouble)| trouble.reduced),
            array(&all, |(_, trouble)| trouble.last_status),
            array(&all, |(_, trouble)| trouble.last_error.clone()),
            array(&all, |(_, trouble)| trouble.message_ids.join(",")),
            array(lost, |lost| lost.endpoint.id),
            array(lost, |lost| Utf8(lost.endpoint.url.clone())),
            array(lost, |lost| {
                let how = match lost.how {
                    How::Gone => "gone",
                    How::Asked => "asked",
                    How::Exhausted => "exhausted",
                };
                how.to_owned()
            }),
        ];
        client
            .update(TELL, None, &arguments)
            .unwrap_or_else(|error| panic!("{TELL}: {error}"));
    }
}
