//! Sessions, as they stand in a person's document: who is logged in, by which refresh token, and which tokens are over.
//!
//! A log-in that names its device has a session that is kept and renewed. One that does not (the old clients, who log in again for
//! every hour) has a session that is only a number in its token: nothing is written for it, and its log-out is remembered until the
//! token would have expired. Times are milliseconds since 1970. Everything here changes a document in memory; the store is the
//! caller's business.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::tokens::{self, Claims, Flaw, HOUR, Tokens};
use crate::accounts::Document;

/// Sessions a person may have; the one that was idle longest makes way.
pub(crate) const AT_MOST: usize = 32;
/// Idle for so long, a session is over.
const IDLE: i64 = 30 * DAY;
/// A session never lives longer.
const LONGEST: i64 = 90 * DAY;
/// How long the secret before the present one still works.
const PREDECESSOR: i64 = 60_000;
/// Secrets that are remembered as used up: whoever brings one ends the session.
const REMEMBERED: usize = 8;
/// Log-outs of tokens without a kept session that are remembered one by one.
const ENDED: usize = 64;
const DAY: i64 = 24 * HOUR * 1000;

/// A kept session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    sid: String,
    /// What the computer calls itself.
    device: String,
    created: i64,
    used: i64,
    /// Hex SHA-256 of the present refresh secret.
    refresh: String,
    /// Those before it, the newest first.
    #[serde(default)]
    before: Vec<String>,
    /// When the newest of those was replaced.
    #[serde(default)]
    rotated: i64,
}

impl Session {
    fn over(&self, now: i64) -> bool {
        now >= self.used.saturating_add(IDLE) || now >= self.created.saturating_add(LONGEST)
    }
}

/// What is over without having been kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Ended {
    #[serde(default)]
    tokens: Vec<EndedToken>,
    /// All tokens without a kept session that were issued until then.
    #[serde(default)]
    before: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct EndedToken {
    sid: String,
    exp: i64,
}

/// Why a token does not stand although it is genuine and fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The password was changed since.
    Changed,
    /// The session is over, or the account disabled.
    Flaw(Flaw),
}

fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

fn same(kept: &str, offered: &str) -> bool {
    kept.as_bytes().ct_eq(offered.as_bytes()).into()
}

fn sessions(document: &Document) -> Vec<Session> {
    // One by one: an entry that somebody spoilt by hand ends that session, not all.
    let entries: Vec<serde_json::Value> = document.get("sessions").unwrap_or_default();
    entries.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect()
}

fn keep(document: &mut Document, sessions: &[Session]) {
    if sessions.is_empty() {
        document.unset("sessions");
    } else {
        document.set("sessions", sessions);
    }
}

fn kept(sid: &str) -> bool {
    sid.starts_with('s')
}

/// The session of a log-in that is not kept: its number.
pub(crate) fn passing() -> String {
    format!("h{}", tokens::random())
}

/// Begins a session: its number, and its refresh token.
pub(crate) fn begin(document: &mut Document, device: &str, now: i64) -> (String, String) {
    let sid = format!("s{}", tokens::random());
    let secret = tokens::secret();
    let mut sessions = sessions(document);
    sessions.retain(|session| !session.over(now));
    if sessions.len() >= AT_MOST {
        sessions.sort_by_key(|session| session.used);
        sessions.drain(..=sessions.len() - AT_MOST);
    }
    sessions.push(Session {
        sid: sid.clone(),
        device: device.to_owned(),
        created: now,
        used: now,
        refresh: hash(&secret),
        before: Vec::new(),
        rotated: 0,
    });
    keep(document, &sessions);
    let token = RefreshToken { phone: document.phone.clone(), sid: sid.clone(), secret }.to_string();
    (sid, token)
}

/// Whether a genuine token still stands.
pub(crate) fn stands(document: &Document, claims: &Claims, now: i64) -> Result<(), Gone> {
    if document.is("disabled") {
        return Err(Gone::Flaw(Flaw::Disabled(now)));
    }
    if document.text("ver").is_none_or(|ver| !same(ver, &claims.ver)) {
        return Err(Gone::Changed);
    }
    let stands = if kept(&claims.sid) {
        sessions(document).iter().any(|session| session.sid == claims.sid && !session.over(now))
    } else {
        let ended: Ended = document.get("ended").unwrap_or_default();
        claims.iat.saturating_mul(1000) >= ended.before && !ended.tokens.iter().any(|token| token.sid == claims.sid)
    };
    if stands { Ok(()) } else { Err(Gone::Flaw(Flaw::Ended(now))) }
}

/// Ends the session of a token.
pub(crate) fn end(document: &mut Document, claims: &Claims, now: i64) {
    if kept(&claims.sid) {
        let mut sessions = sessions(document);
        sessions.retain(|session| session.sid != claims.sid);
        keep(document, &sessions);
        return;
    }
    let mut ended: Ended = document.get("ended").unwrap_or_default();
    ended.tokens.retain(|token| token.exp.saturating_mul(1000) > now && token.sid != claims.sid);
    if ended.tokens.len() >= ENDED {
        // Too many to be told apart: all of them are over, and those who still work log in again.
        ended.tokens.clear();
        ended.before = second_after(now);
    }
    ended.tokens.push(EndedToken { sid: claims.sid.clone(), exp: claims.exp });
    document.set("ended", ended);
}

/// Tokens know whole seconds: those of the running second are over with it.
fn second_after(now: i64) -> i64 {
    (now.div_euclid(1000) + 1) * 1000
}

/// Ends every session, and every token that has none. With a new `ver` this is not needed for the tokens, and log-ins of the same
/// second would suffer: see [`forget`].
pub(crate) fn end_all(document: &mut Document, now: i64) {
    document.unset("sessions");
    document.set("ended", Ended { tokens: Vec::new(), before: second_after(now) });
}

/// Drops what is known of sessions, where a new `ver` ends them all.
pub(crate) fn forget(document: &mut Document) {
    document.unset("sessions");
    document.unset("ended");
}

/// How many sessions are alive.
pub(crate) fn alive(document: &Document, now: i64) -> usize {
    sessions(document).iter().filter(|session| !session.over(now)).count()
}

/// A refresh token taken apart: whose it is, and what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    /// Whose.
    pub(crate) phone: String,
    sid: String,
    secret: String,
}

impl std::fmt::Display for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "r1.{}.{}.{}", URL_SAFE_NO_PAD.encode(&self.phone), self.sid, self.secret)
    }
}

impl RefreshToken {
    /// Takes one apart; `None` where it is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.len() > 256 {
            return None;
        }
        let mut parts = text.strip_prefix("r1.")?.split('.');
        let (phone, sid, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let phone = String::from_utf8(URL_SAFE_NO_PAD.decode(phone).ok()?).ok()?;
        let known = super::rules::bare(&phone).as_deref() == Some(phone.as_str());
        let plain = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        (parts.next().is_none() && known && plain(sid) && plain(secret)).then(|| Self {
            phone,
            sid: sid.to_owned(),
            secret: secret.to_owned(),
        })
    }
}

/// What became of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Renewed {
    /// The session goes on: its number, and the next refresh token. The document was changed if the flag says so.
    On {
        /// Session number.
        sid: String,
        /// The next token.
        refresh: String,
        /// Whether the document must be written.
        write: bool,
    },
    /// Somebody brought a secret that had been used up: the session was ended, since one of two who have it is not who they should be.
    Reused,
    /// There is no such session, or not with that secret.
    Unknown,
}

/// Renews a session.
pub(crate) fn renew(document: &mut Document, token: &RefreshToken, tokens: &Tokens, now: i64) -> Renewed {
    let mut sessions = sessions(document);
    let Some(at) = sessions.iter().position(|session| session.sid == token.sid && !session.over(now)) else {
        return Renewed::Unknown;
    };
    let offered = hash(&token.secret);
    let session = &mut sessions[at];
    let on = |secret: String, write: bool| Renewed::On {
        sid: token.sid.clone(),
        refresh: RefreshToken { secret, ..token.clone() }.to_string(),
        write,
    };
    if same(&session.refresh, &offered) {
        let next = tokens.next_secret(&token.sid, &token.secret);
        session.before.insert(0, std::mem::replace(&mut session.refresh, hash(&next)));
        session.before.truncate(REMEMBERED);
        session.rotated = now;
        session.used = now;
        keep(document, &sessions);
        return on(next, true);
    }
    let Some(age) = session.before.iter().position(|before| same(before, &offered)) else { return Renewed::Unknown };
    if age == 0 && now < session.rotated.saturating_add(PREDECESSOR) {
        let next = tokens.next_secret(&token.sid, &token.secret);
        if same(&session.refresh, &hash(&next)) {
            return on(next, false);
        }
        // The signing key is another one since: the line begins anew.
        let next = tokens::secret();
        session.refresh = hash(&next);
        keep(document, &sessions);
        return on(next, true);
    }
    sessions.remove(at);
    keep(document, &sessions);
    Renewed::Reused
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::accounts::Version;

    const NOW: i64 = 1_795_332_453_627;

    fn document() -> Document {
        let mut document = Document { phone: "13800138000".to_owned(), fields: Map::new(), version: Version(String::new()) };
        document.set("ver", "v");
        document
    }

    fn tokens() -> Tokens {
        Tokens::new(vec![7; 32])
    }

    fn next(document: &mut Document, token: &str, now: i64) -> Option<String> {
        match renew(document, &RefreshToken::read(token).expect("a refresh token"), &tokens(), now) {
            Renewed::On { refresh, .. } => Some(refresh),
            _ => None,
        }
    }

    fn claims(sid: &str, now: i64) -> Claims {
        let at = now / 1000;
        Claims {
            phone: "13800138000".to_owned(),
            sid: sid.to_owned(),
            ver: "v".to_owned(),
            jti: "j".to_owned(),
            iat: at,
            exp: at + HOUR,
        }
    }

    #[test]
    fn two_who_renew_at_once_come_to_the_same_token_and_a_late_one_ends_the_session() {
        let mut document = document();
        let (sid, first) = begin(&mut document, "desk", NOW);
        let second = next(&mut document, &first, NOW + 1).expect("the present one works");
        assert_ne!(first, second);
        assert_eq!(next(&mut document, &first, NOW + 60_000), Some(second.clone()), "the predecessor works for a minute more");
        assert!(stands(&document, &claims(&sid, NOW), NOW + 60_000).is_ok());
        assert_eq!(next(&mut document, &first, NOW + 60_001), None, "and then not");
        assert_eq!(next(&mut document, &second, NOW + 60_002), None, "and nobody goes on with a session that two people had");
        assert_eq!(stands(&document, &claims(&sid, NOW), NOW + 60_002), Err(Gone::Flaw(Flaw::Ended(NOW + 60_002))));
    }

    #[test]
    fn a_guessed_secret_ends_nothing() {
        let mut document = document();
        let (_, first) = begin(&mut document, "desk", NOW);
        let guess = format!("{}AAAA", &first[..first.len() - 4]);
        assert_eq!(next(&mut document, &guess, NOW), None);
        assert!(next(&mut document, &first, NOW).is_some());
    }

    #[test]
    fn a_session_ends_after_a_month_of_idleness_and_after_three_months_in_any_case() {
        let mut document = document();
        let (_, mut token) = begin(&mut document, "desk", NOW);
        assert_eq!(next(&mut document.clone(), &token, NOW + IDLE), None);
        let mut now = NOW;
        while now + 20 * DAY < NOW + LONGEST {
            now += 20 * DAY;
            token = next(&mut document, &token, now).expect("in use");
        }
        assert!(now + IDLE > NOW + LONGEST);
        assert_eq!(next(&mut document, &token, NOW + LONGEST), None);
    }

    #[test]
    fn the_number_of_sessions_is_bounded_and_the_idlest_goes() {
        let mut document = document();
        let all: Vec<_> = (0..AT_MOST as i64 + 5).map(|i| begin(&mut document, "desk", NOW + i).0).collect();
        assert_eq!(alive(&document, NOW + 100), AT_MOST);
        assert!(stands(&document, &claims(&all[4], NOW), NOW + 100).is_err());
        assert!(stands(&document, &claims(&all[5], NOW), NOW + 100).is_ok());
    }

    #[test]
    fn a_log_out_holds_for_tokens_that_no_session_is_kept_for() {
        let mut document = document();
        let (one, other) = (claims(&passing(), NOW), claims(&passing(), NOW));
        end(&mut document, &one, NOW);
        assert!(stands(&document, &one, NOW).is_err() && stands(&document, &other, NOW).is_ok());
        for i in 0..500 {
            end(&mut document, &claims(&passing(), NOW), NOW + i);
        }
        assert!(stands(&document, &one, NOW + 1000).is_err(), "however many log out");
        let length = serde_json::to_string(&document.fields).expect("JSON").len();
        assert!(length < 8 * 1024, "{length} bytes");
        assert!(stands(&document, &claims(&passing(), NOW + 5000), NOW + 5000).is_ok(), "who logs in afterwards is in");
    }

    #[test]
    fn spoilt_sessions_are_ended_and_nothing_else() {
        let mut document = document();
        let (sid, _) = begin(&mut document, "desk", NOW);
        let mut entries: Vec<serde_json::Value> = document.get("sessions").expect("a list");
        entries.push(json!("nonsense"));
        document.set("sessions", entries);
        assert!(stands(&document, &claims(&sid, NOW), NOW).is_ok());
        document.set("sessions", json!({"a": 1}));
        assert!(stands(&document, &claims(&sid, NOW), NOW).is_err());
    }

    proptest::proptest! {
        #[test]
        fn reading_a_refresh_token_never_fails_badly(text in "(r1\\.)?\\PC{0,300}") {
            if let Some(token) = RefreshToken::read(&text) {
                proptest::prop_assert_eq!(RefreshToken::read(&token.to_string()), Some(token));
            }
        }
    }
}
