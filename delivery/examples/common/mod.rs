//! What both measurements share: their arguments, and a row of the size that flights have.

use std::time::Duration;

/// `<url> [threads] [seconds]`
pub struct Arguments {
    pub url: String,
    pub threads: usize,
    pub duration: Duration,
}

pub fn arguments() -> Arguments {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .expect("arguments: <url> [threads] [seconds]");
    let mut number = |default| {
        arguments
            .next()
            .map_or(default, |text| text.parse().expect("a number"))
    };
    Arguments {
        url,
        threads: number(8) as usize,
        duration: Duration::from_secs(number(5)),
    }
}

/// A row as JSON.
pub fn flight(number: i64) -> String {
    format!(
        concat!(
            r#"{{"id":{},"year":2013,"month":1,"day":1,"dep_time":517,"sched_dep_time":515,"dep_delay":2,"#,
            r#""arr_time":830,"sched_arr_time":819,"arr_delay":11,"carrier":"UA","flight":1545,"#,
            r#""tailnum":"N14228","origin":"EWR","dest":"IAH","air_time":227,"distance":1400,"hour":5,"#,
            r#""minute":15,"time_hour":"2013-01-01T10:00:00Z"}}"#
        ),
        number
    )
}

pub fn report(what: &str, calls: usize, took: Duration) {
    println!("{what}: {:.0} calls/s", calls as f64 / took.as_secs_f64());
}
