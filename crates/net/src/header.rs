//! What stands in headers whose values have parameters (`Content-Disposition`, `Content-Type`): one reader for what servers say and
//! what clients send. Whatever comes is read without a fault; what the parameters mean stays out.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// What stands behind the first word, `; name=value; name="quoted \" value"`: names in lower case, in their order. A backslash hides a
/// quote and another backslash, nothing else, since Windows paths come as they are.
#[must_use]
pub fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let Some(at) = rest.find(['=', ';']) else { return found };
        if rest[at..].starts_with(';') {
            // A word without a value.
            rest = &rest[at..];
            continue;
        }
        let (name, after) = (&rest[..at], &rest[at + 1..]);
        let name = name.trim().to_ascii_lowercase();
        let after = after.trim_start_matches([' ', '\t']);
        if let Some(quoted) = after.strip_prefix('"') {
            let mut value = String::new();
            let mut letters = quoted.char_indices();
            let mut end = quoted.len();
            while let Some((at, letter)) = letters.next() {
                match letter {
                    '"' => {
                        end = at + 1;
                        break;
                    }
                    '\\' => match quoted[at + 1..].chars().next() {
                        Some(hidden @ ('"' | '\\')) => {
                            letters.next();
                            value.push(hidden);
                        }
                        _ => value.push('\\'),
                    },
                    letter => value.push(letter),
                }
            }
            rest = &quoted[end..];
            found.push((name, value));
        } else {
            let end = after.find(';').unwrap_or(after.len());
            found.push((name, after[..end].trim_end().to_owned()));
            rest = &after[end..];
        }
    }
}

/// The text of `UTF-8''a%20b` (RFC 8187), in UTF-8 or ISO-8859-1; `None` for what is none.
#[must_use]
pub fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    let bytes = percent_decode(encoded.as_bytes());
    if charset.eq_ignore_ascii_case("utf-8") {
        return bytes.decode_utf8().ok().map(Cow::into_owned);
    }
    charset.eq_ignore_ascii_case("iso-8859-1").then(|| bytes.map(char::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_whole_however_they_are_written() {
        let read = |text: &str| parameters(text).into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        assert_eq!(read("; A=b; c = \"d;e\" ;f"), ["a=b", "c=d;e"]);
        assert_eq!(read(r#"filename="C:\pics\a \"b\".png"; x=1"#), [r#"filename=C:\pics\a "b".png"#, "x=1"]);
        assert_eq!(read("a=\"never closed; b=c"), ["a=never closed; b=c"]);
        assert_eq!(read(""), [""; 0]);
        assert_eq!(read(";;; word; =; a="), ["=", "a="]);
    }

    #[test]
    fn encoded_text_is_read_in_the_charsets_there_are() {
        assert_eq!(extended("UTF-8''%E6%88%AA.png").as_deref(), Some("截.png"));
        assert_eq!(extended("iso-8859-1'en'%FC.png").as_deref(), Some("ü.png"));
        for odd in ["utf-8''%FF", "koi8-r''%C1", "utf-8'a", "plain", ""] {
            assert_eq!(extended(odd), None, "{odd}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_brings_the_reader_down(text in "\\PC{0,80}", tail in "[a-z;=\"\\\\*' %]{0,60}") {
            drop((parameters(&text), parameters(&tail), extended(&text), extended(&tail)));
        }
    }
}
