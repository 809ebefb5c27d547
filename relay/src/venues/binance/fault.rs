//! What an unsuccessful REST answer means.

use serde::Deserialize;
use shared::market::Ms;

use crate::venues::common::number::Text;
use crate::venues::{Answer, RestFault};

/// The first ban after going on beyond the limit.
const SHORTEST_BAN: Ms = Ms(2 * Ms::MINUTE.0);

/// `{"code":-1003,"msg":"Way too many requests; IP banned until 1702244985273. .."}`
#[derive(Deserialize, Default)]
struct Body<'a> {
    #[serde(default)]
    code: i64,
    #[serde(borrow)]
    msg: Option<Text<'a>>,
}

/// 429: over the limit; 418: banned for going on; 403 and 451: not from here; 5xx: the venue's side.
pub(super) fn of_answer(answer: &Answer<'_>, now: Ms) -> Option<RestFault> {
    if answer.is_success() {
        return None;
    }
    let status = answer.status;
    let parsed: Body<'_> = serde_json::from_slice(answer.body).unwrap_or_default();
    let message = parsed.msg.as_ref().map_or("", |m| m.as_str());
    let reason = if message.is_empty() {
        format!("HTTP {status}")
    } else {
        format!("HTTP {status}, {}: {}", parsed.code, message.chars().take(200).collect::<String>())
    };
    let told = banned_until(message).filter(|until| *until > now);
    let asked = answer.retry_at(now);
    Some(match (status, parsed.code) {
        (418, _) => RestFault::Wait { until: asked.max(told).unwrap_or(now + SHORTEST_BAN), reason },
        (429, _) | (_, -1003) => {
            RestFault::Wait { until: asked.max(told).unwrap_or(now.floor(Ms::MINUTE) + Ms::MINUTE), reason }
        }
        (403 | 451, _) => RestFault::RefusedLocation { reason },
        (408 | 500..=599, _) | (_, -1007) => RestFault::Retry { reason },
        (400..=499, _) => RestFault::BadRequest { reason },
        _ => RestFault::Retry { reason },
    })
}

/// The time in `.. banned until 1702244985273. ..`.
fn banned_until(message: &str) -> Option<Ms> {
    let (_, rest) = message.split_once("banned until ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(Ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    #[test]
    fn faults_say_what_to_do() {
        let now = Ms(1_702_244_930_000);
        let minute = Ms(1_702_244_940_000);
        let of = |status, retry_after: Option<i64>, body: &str| {
            let mut headers = HeaderMap::new();
            if let Some(seconds) = retry_after {
                headers.insert("retry-after", seconds.to_string().parse().unwrap());
            }
            of_answer(&Answer { status, headers: &headers, body: body.as_bytes() }, now)
        };
        let wait = |status, retry_after: Option<i64>, body: &str| match of(status, retry_after, body) {
            Some(RestFault::Wait { until, .. }) => until,
            other => panic!("{other:?}"),
        };
        assert_eq!(of(200, None, "{}"), None);
        let ban = r#"{"code":-1003,"msg":"Way too many requests; IP banned until 1702244985273. Use the websocket."}"#;
        assert_eq!(wait(429, Some(7), ""), Ms(now.0 + 7_000));
        assert_eq!(wait(429, None, "<html>"), minute, "the next full minute");
        assert_eq!(wait(418, None, ""), Ms(now.0 + 120_000));
        assert_eq!(wait(418, Some(1), ban), Ms(1_702_244_985_273), "the later of both");
        assert_eq!(wait(400, None, ban), Ms(1_702_244_985_273));
        assert_eq!(wait(418, None, &ban.replace("1702244985273", "1702244985")), Ms(now.0 + 120_000), "past");

        let of = |status, body: &str| of(status, None, body).unwrap();
        let bad = r#"{"code":-1121,"msg":"Invalid symbol."}"#;
        assert_eq!(of(400, bad), RestFault::BadRequest { reason: "HTTP 400, -1121: Invalid symbol.".into() });
        assert!(matches!(of(403, "<html>"), RestFault::RefusedLocation { .. }));
        assert!(matches!(of(451, ""), RestFault::RefusedLocation { .. }));
        assert!(matches!(of(503, ""), RestFault::Retry { .. }));
        assert!(matches!(of(400, r#"{"code":-1007,"msg":"Timeout"}"#), RestFault::Retry { .. }));
        assert!(matches!(of(404, "\u{0}\u{1}"), RestFault::BadRequest { .. }));
    }
}
