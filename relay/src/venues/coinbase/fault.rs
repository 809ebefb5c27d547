//! What an answer means that is no success.

use serde::Deserialize;
use shared::market::Ms;

use crate::venues::common::number::Text;
use crate::venues::{Answer, RestFault};

/// How long the venue is left alone after a 429 that does not say: its limit is one per second.
const BREATH: Ms = Ms(2_000);

/// `{"message":"Public rate limit exceeded"}`
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    message: Text<'a>,
}

/// 429: too fast; 404 and 400: no such product, a range too long; 403 and 451: not from here.
pub(super) fn of_answer(answer: &Answer<'_>, now: Ms) -> Option<RestFault> {
    if answer.is_success() {
        return None;
    }
    let body: Option<Body<'_>> = serde_json::from_slice(answer.body).ok();
    let reason = match &body {
        Some(body) => {
            let message: String = body.message.as_str().chars().take(200).collect();
            format!("HTTP {}: {message}", answer.status)
        }
        None => format!("HTTP {}", answer.status),
    };
    Some(match answer.status {
        429 => RestFault::Wait { until: answer.retry_at(now).unwrap_or(now + BREATH), reason },
        403 | 451 => RestFault::RefusedLocation { reason },
        408 | 500..=599 => RestFault::Retry { reason },
        400..=499 => RestFault::BadRequest { reason },
        _ => RestFault::Retry { reason },
    })
}
