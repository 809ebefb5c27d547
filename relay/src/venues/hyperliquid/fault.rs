//! What an answer means that is no success.

use shared::market::Ms;

use crate::venues::{Answer, RestFault};

/// 429: over the weight; 422: a body the venue cannot read, told in plain text; `null` with 200: no such coin.
pub(super) fn of_answer(answer: &Answer<'_>, now: Ms) -> Option<RestFault> {
    if answer.is_success() {
        let nothing = answer.body.trim_ascii() == b"null";
        return nothing.then(|| RestFault::BadRequest { reason: "no such coin".into() });
    }
    let text: String = String::from_utf8_lossy(answer.body).trim().chars().take(200).collect();
    let reason = match text.as_str() {
        "" => format!("HTTP {}", answer.status),
        text => format!("HTTP {}: {text}", answer.status),
    };
    Some(match answer.status {
        // The window slides: a minute after the last call that was taken, all of it is free again.
        429 => RestFault::Wait { until: answer.retry_at(now).unwrap_or(now + Ms::MINUTE), reason },
        403 | 451 => RestFault::RefusedLocation { reason },
        408 | 500..=599 => RestFault::Retry { reason },
        400..=499 => RestFault::BadRequest { reason },
        _ => RestFault::Retry { reason },
    })
}
