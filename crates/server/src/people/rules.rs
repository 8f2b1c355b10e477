//! What a phone number, a password, an e-mail address and a note about somebody may look like.
//!
//! Fields come as whatever JSON a client sent; anything that is not text (or, for a phone number, a whole number) breaks the rule of
//! its field. No rule lets control characters through: they have no business in a name, and the database cannot keep all of them.

use regex::Regex;
use serde_json::Value;
use zeroize::Zeroizing;

use imagepic_api::capabilities::PasswordRule;

/// Longest password that is looked at; what is longer costs time and is nobody's.
const LONGEST_GIVEN: usize = 128;
/// Of a new password.
const SHORTEST_NEW: usize = 8;
/// Of a new password.
const LONGEST_NEW: usize = 64;
/// RFC 5321, 4.5.3.1.3, less the angle brackets.
const LONGEST_EMAIL: usize = 254;
/// Characters of `name`, `tfs` and `device`.
pub(crate) const LONGEST_NOTE: usize = 64;

/// The rules that can be configured.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    password: Option<Regex>,
    email: Option<Regex>,
}

/// A phone number in the form it is kept in: `1[3-9]` and nine digits bare, others as E.164 with `+`. `+86` folds to the bare form.
pub(crate) fn phone(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => bare(text),
        Value::Number(number) => bare(&digits(number)?),
        _ => None,
    }
}

/// The digits of a whole number; JSON has no other integers than those a double holds.
fn digits(number: &serde_json::Number) -> Option<String> {
    if let Some(whole) = number.as_u64() {
        return Some(whole.to_string());
    }
    let double = number.as_f64().filter(|double| double.fract() == 0.0 && (0.0..9.0e15).contains(double))?;
    Some(format!("{double:.0}"))
}

/// See [`phone`].
pub(crate) fn bare(text: &str) -> Option<String> {
    let mobile = |digits: &str| {
        let bytes = digits.as_bytes();
        bytes.len() == 11 && bytes[0] == b'1' && (b'3'..=b'9').contains(&bytes[1]) && bytes.iter().all(u8::is_ascii_digit)
    };
    if mobile(text) {
        return Some(text.to_owned());
    }
    let digits = text.strip_prefix('+')?;
    if let Some(rest) = digits.strip_prefix("86").filter(|rest| mobile(rest)) {
        return Some(rest.to_owned());
    }
    // ITU-T E.164: 15 digits at most, no country begins with 0; fewer than 7 reach nobody.
    let e164 = (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    e164.then(|| text.to_owned())
}

fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str()
}

fn long(text: &str, range: std::ops::RangeInclusive<usize>) -> bool {
    // A character has four bytes at most: no need to count what is longer anyway.
    text.len() <= range.end() * 4 && range.contains(&text.chars().count())
}

/// A password at log-in: older accounts have short ones.
pub(crate) fn given_password(value: Option<&Value>) -> Option<Zeroizing<String>> {
    text(value).filter(|text| long(text, 1..=LONGEST_GIVEN)).map(|text| Zeroizing::new(text.to_owned()))
}

/// `name`, `tfs` or `device`: absent, text, or a number taken as text; an error where it is anything else, too long, or holds control
/// characters.
pub(crate) fn note(value: Option<&Value>) -> Result<Option<String>, ()> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::String(text)) if long(text, 0..=LONGEST_NOTE) && !text.chars().any(char::is_control) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(()),
    }
}

impl Rules {
    /// Patterns take the place of the built-in rules.
    pub(crate) fn new(password: Option<Regex>, email: Option<Regex>) -> Self {
        Self { password, email }
    }

    /// A new password: 8 to 64 characters with a letter and a digit, or the configured pattern.
    pub(crate) fn new_password(&self, value: Option<&Value>) -> Option<Zeroizing<String>> {
        let fits = |text: &&str| match &self.password {
            Some(pattern) => long(text, 1..=LONGEST_GIVEN) && pattern.is_match(text),
            None => {
                long(text, SHORTEST_NEW..=LONGEST_NEW)
                    && text.chars().any(char::is_alphabetic)
                    && text.chars().any(|one| one.is_ascii_digit())
            }
        };
        text(value).filter(fits).map(|text| Zeroizing::new(text.to_owned()))
    }

    /// Something before and after one `@`, a dot in what is after; or the configured pattern.
    pub(crate) fn email(&self, value: Option<&Value>) -> Option<String> {
        let fits = |text: &&str| {
            let plain = long(text, 1..=LONGEST_EMAIL) && !text.chars().any(char::is_control);
            plain
                && match &self.email {
                    Some(pattern) => pattern.is_match(text),
                    None => address(text),
                }
        };
        text(value).filter(fits).map(str::to_owned)
    }

    /// For the hint beside the field.
    pub(crate) fn password_rule(&self) -> PasswordRule {
        let (min, max) = if self.password.is_some() { (1, LONGEST_GIVEN) } else { (SHORTEST_NEW, LONGEST_NEW) };
        let pattern = self.password.as_ref().map(|pattern| pattern.as_str().to_owned());
        PasswordRule { min: min.try_into().unwrap_or_default(), max: max.try_into().unwrap_or_default(), pattern }
    }
}

fn address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let labels = domain.split('.').count() >= 2 && domain.split('.').all(|label| !label.is_empty());
    let plain = |part: &str| !part.contains(|one: char| one.is_whitespace() || "@<>()[],;:\\\"".contains(one));
    !local.is_empty() && local.len() <= 64 && labels && plain(local) && plain(domain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_phone_number_has_one_form_however_it_comes() {
        for form in [json!("13800138000"), json!("+8613800138000"), json!(13_800_138_000_u64), json!(13_800_138_000.0)] {
            assert_eq!(phone(Some(&form)).as_deref(), Some("13800138000"), "{form}");
        }
        assert_eq!(phone(Some(&json!("+4915112345678"))).as_deref(), Some("+4915112345678"));
        for none in [
            json!("12345"),
            json!("12800138000"),
            json!("138001380001"),
            json!(" 13800138000"),
            json!("１３８００１３８０００"),
            json!("../../etc"),
            json!("+0123456789"),
            json!("+1234567890123456"),
            json!(["13800138000"]),
            json!({}),
            json!(true),
            json!(null),
            json!(-13_800_138_000_i64),
            json!(13_800_138_000.5),
            json!("13800138000\n"),
            json!("13800138000\u{0}"),
        ] {
            assert_eq!(phone(Some(&none)), None, "{none}");
        }
    }

    #[test]
    fn a_new_password_needs_a_letter_and_a_digit_unless_a_pattern_says_otherwise() {
        let rules = Rules::default();
        let ok = |text: &str| rules.new_password(Some(&json!(text))).is_some();
        assert!(ok("abc12345") && ok("密码密码密码密1") && ok(&"a1".repeat(32)));
        assert!(!ok("abc1234") && !ok("abcdefgh") && !ok("12345678") && !ok(&"a1".repeat(33)));
        assert!(
            rules.new_password(Some(&json!(["abc12345"]))).is_none() && rules.new_password(Some(&json!(12_345_678))).is_none()
        );
        let own = Rules::new(Some(Regex::new("^[0-9]{6}$").expect("a pattern")), None);
        assert!(own.new_password(Some(&json!("123456"))).is_some() && own.new_password(Some(&json!("abc12345"))).is_none());
    }

    #[test]
    fn an_e_mail_address_has_one_at_and_a_domain_with_a_dot() {
        let rules = Rules::default();
        let ok = |text: &str| rules.email(Some(&json!(text))).is_some();
        assert!(ok("xm@example.com") && ok("小明@例子.公司"));
        assert!(
            !ok("xm")
                && !ok("xm@")
                && !ok("@example.com")
                && !ok("a@b@c.d")
                && !ok("a b@c.de")
                && !ok("a@b")
                && !ok("a@b..c")
                && !ok("a@b.c\u{0}")
        );
    }

    proptest! {
        #[test]
        fn no_phone_number_is_ever_a_path(text in "\\PC*") {
            if let Some(phone) = bare(&text) {
                prop_assert!(phone.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+'));
                prop_assert_eq!(bare(&phone), Some(phone.clone()), "the form it is kept in is its own form");
            }
        }

        #[test]
        fn every_mobile_number_is_taken_in_all_its_forms(rest in "[3-9][0-9]{9}") {
            let number = format!("1{rest}");
            prop_assert_eq!(bare(&number), Some(number.clone()));
            prop_assert_eq!(bare(&format!("+86{number}")), Some(number.clone()));
            let whole: u64 = number.parse().expect("digits");
            prop_assert_eq!(phone(Some(&json!(whole))), Some(number));
        }

        #[test]
        fn notes_are_bounded_and_hold_no_control_characters(text in ".*") {
            if let Ok(Some(note)) = note(Some(&json!(text))) {
                prop_assert!(note.chars().count() <= LONGEST_NOTE && !note.chars().any(char::is_control));
            }
        }
    }
}
