//! Errors: the code in the body counts, whatever the HTTP status.

use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;
use shared::market::Ms;

use crate::venues::common::number::Text;
use crate::venues::{Answer, RestFault};

/// Refusals for asking too often since the last success: no answer says how long to wait.
#[derive(Debug, Default)]
pub(super) struct Strikes(AtomicU32);

/// Shortest and longest silence after such a refusal.
const FIRST_WAIT: Ms = Ms(2_000);
const MAX_DOUBLINGS: u32 = 5;

#[derive(Deserialize, Default)]
struct Body<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    msg: Option<Text<'a>>,
}

/// What an answer means that is no success.
pub(super) fn of_answer(strikes: &Strikes, answer: &Answer<'_>, now: Ms) -> Option<RestFault> {
    let body: Body<'_> = serde_json::from_slice(answer.body).unwrap_or_default();
    let code = body.code.as_ref().map_or("", |code| code.as_str());
    let failed = !answer.is_success() || !(code.is_empty() || code == "0");
    if !failed {
        strikes.0.store(0, Ordering::Relaxed);
        return None;
    }
    let message = body.msg.as_ref().map_or("", |msg| msg.as_str());
    let mut reason = format!("HTTP {}", answer.status);
    if !code.is_empty() {
        reason = format!("{reason}, {code}: {}", message.chars().take(200).collect::<String>());
    }
    Some(match (answer.status, code) {
        (_, "50011") | (429, "" | "0") => {
            let doublings = strikes.0.fetch_add(1, Ordering::Relaxed).min(MAX_DOUBLINGS);
            let grown = now + Ms(FIRST_WAIT.0 << doublings);
            RestFault::Wait { until: answer.retry_at(now).unwrap_or(grown).max(now + FIRST_WAIT), reason }
        }
        (_, "50121" | "50051") | (403 | 451, _) => RestFault::RefusedLocation { reason },
        (_, "50001" | "50004" | "50013" | "50026") | (408 | 429 | 500..=599, _) => {
            RestFault::Retry { reason }
        }
        _ => RestFault::BadRequest { reason },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    fn of(strikes: &Strikes, status: u16, body: &str) -> Option<RestFault> {
        let headers = HeaderMap::new();
        of_answer(strikes, &Answer { status, headers: &headers, body: body.as_bytes() }, Ms(1_000_000))
    }

    fn error(code: &str) -> String {
        format!(r#"{{"code":"{code}","msg":"texts change","data":[]}}"#)
    }

    #[test]
    fn the_code_counts_and_waits_grow_until_a_success() {
        let strikes = Strikes::default();
        assert_eq!(of(&strikes, 200, r#"{"code":"0","msg":"","data":[]}"#), None);
        let wait = |status| match of(&strikes, status, &error("50011")) {
            Some(RestFault::Wait { until, .. }) => until.0 - 1_000_000,
            other => panic!("{other:?}"),
        };
        assert_eq!([200, 200, 429, 200].map(wait), [2_000, 4_000, 8_000, 16_000]);
        assert_eq!([wait(200), wait(200), wait(200)], [32_000, 64_000, 64_000]);
        assert_eq!(of(&strikes, 200, r#"{"data":[],"code":"0","msg":""}"#), None);
        assert_eq!(wait(200), 2_000);

        for (status, code) in [(429, "50013"), (503, "50001"), (400, "50004"), (500, "50026"), (502, "")] {
            let retry = of(&strikes, status, &error(code));
            assert!(matches!(retry, Some(RestFault::Retry { .. })), "{status} {code} {retry:?}");
        }
        for (status, code) in [(200, "50121"), (200, "50051"), (403, "")] {
            let refused = of(&strikes, status, &error(code));
            assert!(matches!(refused, Some(RestFault::RefusedLocation { .. })), "{status} {code}");
        }
        assert!(matches!(of(&strikes, 403, "<html>"), Some(RestFault::RefusedLocation { .. })));
        let unknown = of(&strikes, 200, &error("51001"));
        assert_eq!(unknown, Some(RestFault::BadRequest { reason: "HTTP 200, 51001: texts change".into() }));
        for (status, code) in [(400, "51000"), (400, "50014"), (410, "50005"), (200, "50039")] {
            assert!(matches!(of(&strikes, status, &error(code)), Some(RestFault::BadRequest { .. })));
        }
    }
}
