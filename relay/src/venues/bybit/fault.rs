//! What an answer means that is no success: most errors come with HTTP 200 and a `retCode`.

use serde::Deserialize;
use shared::market::Ms;

use crate::venues::common::number::Text;
use crate::venues::{Answer, RestFault};

/// What a breach of the limit by address costs.
const BAN: Ms = Ms(10 * Ms::MINUTE.0);
/// What one of a call's own limit does where no header says when it ends.
const PAUSE: Ms = Ms::SECOND;
const RESET: &str = "x-bapi-limit-reset-timestamp";

/// `{"retCode":10006,"retMsg":"Too many visits. Exceeded the API Rate Limit.","result":{},..}`
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(default)]
    ret_code: i64,
    #[serde(borrow)]
    ret_msg: Option<Text<'a>>,
}

pub(super) fn of_answer(answer: &Answer<'_>, now: Ms) -> Option<RestFault> {
    let body: Body<'_> = serde_json::from_slice(answer.body).unwrap_or_default();
    if answer.is_success() && body.ret_code == 0 {
        return None;
    }
    let message = body.ret_msg.as_ref().map_or("", |m| m.as_str());
    let reason = match (answer.is_success(), body.ret_code) {
        (_, 0) => format!("HTTP {}", answer.status),
        (true, code) => format!("{code}: {}", shorten(message)),
        (false, code) => format!("HTTP {}, {code}: {}", answer.status, shorten(message)),
    };
    let told = answer.header(RESET).and_then(|text| text.parse().ok()).map(Ms);
    // A stale or absurd time is no answer to when.
    let told = told.filter(|at| *at > now && *at - now <= BAN);
    Some(match (answer.status, body.ret_code) {
        (451, _) => RestFault::RefusedLocation { reason },
        // The same status tells of too many calls and of a country that is not served; the latter names it.
        (403, _) if names_location(answer.body) => RestFault::RefusedLocation { reason },
        (403, _) => RestFault::Wait { until: now + BAN, reason },
        (_, 10_006) | (429, _) => {
            let until = told.or(answer.retry_at(now)).unwrap_or(now + PAUSE);
            RestFault::Wait { until, reason }
        }
        (_, 10_009) => RestFault::RefusedLocation { reason },
        (_, 10_000 | 10_016 | 429) | (408 | 500..=599, _) => RestFault::Retry { reason },
        _ => RestFault::BadRequest { reason },
    })
}

fn shorten(message: &str) -> String {
    message.chars().take(200).collect()
}

fn names_location(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    ["country", "region", "location"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    #[test]
    fn codes_under_any_status_say_what_to_do() {
        let now = Ms(1_790_000_000_000);
        let of = |status, reset: Option<i64>, body: &str| {
            let mut headers = HeaderMap::new();
            if let Some(at) = reset {
                headers.insert(RESET, at.to_string().parse().unwrap());
            }
            of_answer(&Answer { status, headers: &headers, body: body.as_bytes() }, now)
        };
        let code = |code: i64| format!(r#"{{"retCode":{code},"retMsg":"says why","result":{{}},"time":1}}"#);
        let wait = |fault| match fault {
            Some(RestFault::Wait { until, .. }) => until - now,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(200, None, &code(0)), None);
        assert_eq!(of(200, None, "<html>"), None, "left to the parser");
        assert_eq!(wait(of(200, None, &code(10_006))), Ms(1_000));
        assert_eq!(wait(of(200, Some(now.0 + 2_500), &code(10_006))), Ms(2_500));
        assert_eq!(wait(of(200, Some(now.0 - 1), &code(10_006))), Ms(1_000), "past");
        assert_eq!(wait(of(200, Some(now.0 * 2), &code(10_006))), Ms(1_000), "absurd");
        assert_eq!(wait(of(403, None, "access too frequent")), Ms(600_000));
        assert_eq!(wait(of(429, None, "")), Ms(1_000));
        let refused = |fault| matches!(fault, Some(RestFault::RefusedLocation { .. }));
        assert!(refused(of(200, None, &code(10_009))));
        assert!(refused(of(403, None, "configured to block access from your country")));
        let retry = |fault| matches!(fault, Some(RestFault::Retry { .. }));
        assert!([10_000, 10_016, 429].iter().all(|c| retry(of(200, None, &code(*c)))));
        assert!(retry(of(503, None, "")));
        let bad = RestFault::BadRequest { reason: "10001: says why".into() };
        assert_eq!(of(200, None, &code(10_001)), Some(bad));
        assert_eq!(of(404, None, ""), Some(RestFault::BadRequest { reason: "HTTP 404".into() }));
    }
}
