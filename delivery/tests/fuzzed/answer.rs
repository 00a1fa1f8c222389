//! Answers of receivers.

use std::time::{Duration, SystemTime};

use webhooks_delivery::fuzzing::{answer, retry_after};
use webhooks_delivery::{FaultKind, Verdict};

/// The first byte says how much of a body is kept and in what pieces the rest, which is the answer, arrives too.
pub fn check(input: &[u8]) {
    let Some((&knob, bytes)) = input.split_first() else {
        return;
    };
    let max_response_bytes = [0, 1, 10, 4000, 4096, 5000, 100_000][usize::from(knob) % 7];
    // Heads are read anew with every piece, so there must not be too many.
    let piece = (usize::from(knob) / 7 + 1).max(bytes.len() / 64);

    let whole = answer(bytes, usize::MAX, max_response_bytes);
    let pieces = answer(bytes, piece, max_response_bytes);
    for answer in [&whole, &pieces] {
        match &answer.fault {
            Some(fault) => assert_ne!(fault.kind, FaultKind::Internal, "{fault}"),
            None => assert!(answer.status.is_some_and(|status| status >= 100)),
        }
        let good = matches!(answer.status, Some(200..=299)) && answer.fault.is_none();
        assert_eq!(answer.verdict == Verdict::Delivered, good);
        let a_day = Duration::from_secs(86_400);
        assert!(answer.retry_after.is_none_or(|wait| wait <= a_day));
        if let Verdict::Retry { after } = answer.verdict {
            assert!(after <= a_day);
        }
        if let Some(text) = &answer.response {
            assert!(!text.is_empty() && text.len() <= max_response_bytes);
            assert!(!text.contains('\0'));
        }
    }
    // How it arrives makes no difference, except for what may be noticed behind the end of what is kept.
    assert_eq!(whole.status, pieces.status);
    if bytes.len() <= max_response_bytes {
        assert_eq!(whole.fault.is_some(), pieces.fault.is_some());
    }
    if whole.fault.is_none() && pieces.fault.is_none() {
        assert_eq!(whole.response, pieces.response);
    }

    check_retry_after(bytes);
    for line in bytes.split(|&byte| byte == b'\n') {
        if let Some(colon) = line.iter().position(|&byte| byte == b':') {
            check_retry_after(&line[colon + 1..]);
        }
    }
}

fn check_retry_after(value: &[u8]) {
    // Sun, 06 Nov 1994 08:49:37 GMT
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let Some(wait) = retry_after(value, now) else {
        return;
    };
    assert!((1..=86_400).contains(&wait.as_secs()), "{wait:?}");
    // Seconds are what they are read as anywhere else.
    if let Ok(seconds) = str::from_utf8(value).unwrap().trim().parse::<u64>() {
        assert_eq!(wait.as_secs(), seconds.clamp(1, 86_400));
    }
}
