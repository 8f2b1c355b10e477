//! Tokens: JWT (RFC 7519) signed by HMAC-SHA-256, one hour, and what the old service's clients are told when one does not hold.
//!
//! HS256 alone is three calls to a hash; a library for all of JWS would bring RSA and two elliptic curves that must never be accepted
//! here. The texts and their order are those of the old service's library, since clients match on them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use imagepic_api::{Code, TokenFailure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use crate::answer::Refusal;

/// Seconds.
pub(crate) const HOUR: i64 = 3600;
/// `{"alg":"HS256","typ":"JWT"}`, the only header ever written.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
/// What the old service signed with; a token under it opens nothing, but its owner is told to log in again.
const OLD_KEY: &[u8] = b"imagepic";
/// No token of ours comes near.
const LONGEST: usize = 8 * 1024;

/// What a token says. Never the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Whose, in the form it is kept in.
    pub(crate) phone: String,
    /// Which session.
    pub(crate) sid: String,
    /// Which password: changes with it.
    pub(crate) ver: String,
    /// No two tokens are the same.
    pub(crate) jti: String,
    /// Seconds since 1970.
    pub(crate) iat: i64,
    /// Seconds since 1970.
    pub(crate) exp: i64,
}

/// Why a token does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// None came.
    Missing,
    /// Not three parts.
    Malformed,
    /// Not readable, another algorithm, or claims that are none.
    Invalid,
    /// Signed by another key.
    Signature,
    /// Since then, in milliseconds.
    Expired(i64),
    /// Its session is over; milliseconds.
    Ended(i64),
    /// The account is disabled; milliseconds.
    Disabled(i64),
}

impl Flaw {
    fn code(self) -> Code {
        match self {
            Self::Missing => Code::TokenMissing,
            Self::Malformed => Code::TokenMalformed,
            Self::Invalid | Self::Signature => Code::TokenInvalid,
            Self::Expired(_) => Code::TokenExpired,
            Self::Ended(_) => Code::TokenRevoked,
            Self::Disabled(_) => Code::AccountDisabled,
        }
    }
}

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        let plain =
            |message: &str| TokenFailure { name: "JsonWebTokenError".to_owned(), message: message.to_owned(), expired_at: None };
        let failure = match flaw {
            Flaw::Missing => plain("jwt must be provided"),
            Flaw::Malformed => plain("jwt malformed"),
            Flaw::Invalid => plain("invalid token"),
            Flaw::Signature => plain("invalid signature"),
            Flaw::Expired(at) | Flaw::Ended(at) | Flaw::Disabled(at) => TokenFailure {
                name: "TokenExpiredError".to_owned(),
                message: "jwt expired".to_owned(),
                expired_at: Some(time(at)),
            },
        };
        Self::token(flaw.code(), &failure)
    }
}

/// UTC with milliseconds and `Z`, as JavaScript writes it.
pub(crate) fn time(milliseconds: i64) -> String {
    chrono::DateTime::from_timestamp_millis(milliseconds).unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Signs and reads tokens.
pub(crate) struct Tokens {
    key: zeroize::Zeroizing<Vec<u8>>,
}

impl Tokens {
    /// With that key; see [`crate::accounts::Home::signing_key`].
    pub(crate) fn new(key: Vec<u8>) -> Self {
        Self { key: zeroize::Zeroizing::new(key) }
    }

    /// A token of that person for an hour from `now` (milliseconds).
    pub(crate) fn issue(&self, phone: &str, sid: &str, ver: &str, now: i64) -> String {
        let iat = now.div_euclid(1000);
        let claims =
            Claims { phone: phone.to_owned(), sid: sid.to_owned(), ver: ver.to_owned(), jti: random(), iat, exp: iat + HOUR };
        let payload = serde_json::to_vec(&claims).expect("claims are text and numbers");
        let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(mac(&self.key, &[signed.as_bytes()]).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    /// Reads one that came at `now` (milliseconds).
    pub(crate) fn read(&self, token: &str, now: i64) -> Result<Claims, Flaw> {
        if token.is_empty() {
            return Err(Flaw::Missing);
        }
        let parts: Vec<_> = token.splitn(4, '.').collect();
        let [header, payload, signature] = parts[..] else { return Err(Flaw::Malformed) };
        if token.len() > LONGEST {
            return Err(Flaw::Invalid);
        }
        let signed = &token[..header.len() + 1 + payload.len()];
        let header: Value = json(header).ok_or(Flaw::Invalid)?;
        let payload: Value = json(payload).ok_or(Flaw::Invalid)?;
        if header.get("alg").and_then(Value::as_str) != Some("HS256") || !payload.is_object() {
            return Err(Flaw::Invalid);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Flaw::Invalid)?;
        let by = |key: &[u8]| mac(key, &[signed.as_bytes()]).verify_slice(&signature).is_ok();
        if !by(&self.key) {
            return Err(if by(OLD_KEY) { old(&payload, now) } else { Flaw::Signature });
        }
        let claims: Claims = serde_json::from_value(payload).map_err(|_| Flaw::Invalid)?;
        if super::rules::bare(&claims.phone).as_deref() != Some(&claims.phone) {
            return Err(Flaw::Invalid);
        }
        let exp = claims.exp.checked_mul(1000).ok_or(Flaw::Invalid)?;
        if now >= exp {
            return Err(Flaw::Expired(exp));
        }
        Ok(claims)
    }

    /// The secret after this one in a session's line of refresh secrets. It follows from the one before, so that two who renew at once,
    /// or an answer that got lost, come to the same secret and not to two lines; without the key nobody can tell it.
    pub(crate) fn next_secret(&self, sid: &str, secret: &str) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.key, &[b"refresh\0", sid.as_bytes(), b"\0", secret.as_bytes()]).finalize().into_bytes())
    }
}

/// A token of the old service held the password and was signed with a word everybody knows.
fn old(payload: &Value, now: i64) -> Flaw {
    if payload.get("phone").is_none() {
        return Flaw::Signature;
    }
    let exp = payload.get("exp").and_then(Value::as_i64).and_then(|exp| exp.checked_mul(1000)).filter(|exp| *exp < now);
    Flaw::Expired(exp.unwrap_or(now))
}

fn json(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// 128 random bits.
pub(crate) fn random() -> String {
    let mut bytes = [0_u8; 16];
    rand::fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// 256 random bits.
pub(crate) fn secret() -> String {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
pub(crate) fn forge(key: &[u8], header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(mac(key, &[signed.as_bytes()]).finalize().into_bytes());
    format!("{signed}.{signature}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_795_332_453_627;
    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
    const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

    fn tokens() -> Tokens {
        Tokens::new(KEY.to_vec())
    }

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // RFC 7515, A.1.
        let key = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .expect("base64");
        let signed = b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = URL_SAFE_NO_PAD.encode(mac(&key, &[signed]).finalize().into_bytes());
        assert_eq!(signature, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn a_token_holds_for_an_hour_and_says_who_without_the_password() {
        let token = tokens().issue("13800138000", "s1", "v1", NOW);
        let claims = tokens().read(&token, NOW).expect("it holds");
        assert_eq!((claims.phone.as_str(), claims.sid.as_str(), claims.ver.as_str()), ("13800138000", "s1", "v1"));
        assert_eq!(claims.exp - claims.iat, HOUR);
        let payload: Value = json(token.split('.').nth(1).expect("three parts")).expect("JSON");
        let names: Vec<_> = payload.as_object().expect("claims").keys().cloned().collect();
        assert_eq!(names, ["phone", "sid", "ver", "jti", "iat", "exp"]);
        let end = claims.exp * 1000;
        assert!(tokens().read(&token, end - 1).is_ok());
        assert_eq!(tokens().read(&token, end), Err(Flaw::Expired(end)));
        assert_eq!(time(end), "2026-11-22T08:27:33.000Z");
    }

    #[test]
    fn forged_tokens_are_refused_in_the_old_words() {
        let good = json!({"phone":"13800138000","sid":"s","ver":"v","jti":"j","iat":NOW / 1000,"exp":NOW / 1000 + HOUR});
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            forge(KEY, HS256, &claims.to_string())
        };
        let without = |name: &str| {
            let mut claims = good.clone();
            claims.as_object_mut().expect("claims").shift_remove(name);
            forge(KEY, HS256, &claims.to_string())
        };
        assert!(
            tokens().read(&forge(KEY, HS256, &good.to_string()), NOW).is_ok(),
            "the forgeries below fail for their own reasons"
        );
        let none = forge(KEY, r#"{"alg":"none","typ":"JWT"}"#, &good.to_string());
        let bare = format!("{}.", none.rsplit_once('.').expect("three parts").0);
        let cases = [
            (String::new(), Flaw::Missing),
            ("abc".to_owned(), Flaw::Malformed),
            ("a.b".to_owned(), Flaw::Malformed),
            ("a.b.c.d".to_owned(), Flaw::Malformed),
            ("a.b.c".to_owned(), Flaw::Invalid),
            (none, Flaw::Invalid),
            (bare, Flaw::Invalid),
            (forge(KEY, r#"{"alg":"RS256"}"#, &good.to_string()), Flaw::Invalid),
            (forge(KEY, r#"{"alg":"HS512"}"#, &good.to_string()), Flaw::Invalid),
            (forge(KEY, r#"{"alg":["HS256"]}"#, &good.to_string()), Flaw::Invalid),
            (forge(b"another key that is long enough..", HS256, &good.to_string()), Flaw::Signature),
            (forge(KEY, HS256, "[]"), Flaw::Invalid),
            (with("phone", json!("../../etc/passwd")), Flaw::Invalid),
            (with("phone", json!("+8613800138000")), Flaw::Invalid),
            (with("phone", json!(["13800138000"])), Flaw::Invalid),
            (with("exp", json!("tomorrow")), Flaw::Invalid),
            (with("exp", json!(i64::MAX)), Flaw::Invalid),
            (with("exp", json!(1)), Flaw::Expired(1000)),
            (without("sid"), Flaw::Invalid),
            (without("ver"), Flaw::Invalid),
            (without("exp"), Flaw::Invalid),
        ];
        for (token, flaw) in cases {
            assert_eq!(tokens().read(&token, NOW), Err(flaw), "{token}");
        }
    }

    #[test]
    fn who_comes_with_a_token_of_the_old_service_is_told_to_log_in_again() {
        let claims = |exp: i64| json!({"phone":"13800138000","upwd":"abc12345","iat":NOW / 1000 - 60,"exp":exp}).to_string();
        let fresh = forge(OLD_KEY, HS256, &claims(NOW / 1000 + 60));
        assert_eq!(tokens().read(&fresh, NOW), Err(Flaw::Expired(NOW)));
        let stale = forge(OLD_KEY, HS256, &claims(NOW / 1000 - 30));
        assert_eq!(tokens().read(&stale, NOW), Err(Flaw::Expired((NOW / 1000 - 30) * 1000)));
    }

    proptest! {
        #[test]
        fn nothing_but_our_own_tokens_is_ever_taken(text in "\\PC*") {
            prop_assert!(tokens().read(&text, NOW).is_err());
        }

        #[test]
        fn no_changed_byte_goes_unnoticed(at in 0usize..200, byte in proptest::char::range('!', '~')) {
            let token = tokens().issue("13800138000", "s1", "v1", NOW);
            let at = at % token.len();
            let changed: String = token.char_indices().map(|(i, old)| if i == at { byte } else { old }).collect();
            // The last character of the signature carries bits that mean nothing; a strict decoder refuses those too.
            prop_assert!(changed == token || tokens().read(&changed, NOW).is_err());
        }
    }
}
