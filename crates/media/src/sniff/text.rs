//! Texts that browsers show as pictures or pages: SVG and HTML. No parser: the first element decides.

use crate::Media;

/// How far the first element is looked for, in bytes.
pub(super) const HEAD: usize = 64 << 10;

pub(super) fn look(bytes: &[u8]) -> Option<Media> {
    let text = String::from_utf8_lossy(bytes);
    let element = first_element(&text)?;
    let name_ends = |c: char| c.is_whitespace() || matches!(c, '>' | '/');
    let name = &element[..element.find(name_ends).unwrap_or(element.len())];
    let local = name.rsplit(':').next().unwrap_or_default();
    if local == "svg" {
        let mut media = Media::of("image/svg+xml", "svg").sized(size(element));
        media.active = true;
        return Some(media);
    }
    let page = ["html", "head", "body", "script", "iframe", "!doctype"].iter().any(|tag| name.eq_ignore_ascii_case(tag));
    page.then(|| Media { active: true, ..Media::of("text/html", "html") })
}

/// What follows the `<` of the first element, past declarations, comments and a document type that is not HTML's.
fn first_element(text: &str) -> Option<&str> {
    let mut rest = text.trim_start_matches('\u{feff}');
    loop {
        rest = rest.trim_start().strip_prefix('<')?;
        let end = if rest.starts_with('?') {
            rest.find("?>")? + 2
        } else if rest.starts_with("!--") {
            rest.find("-->")? + 3
        } else if rest.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("!doctype")) {
            let what = rest[8..].trim_start();
            if what.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("html")) {
                return Some(rest);
            }
            // An internal subset in brackets holds elements' declarations of its own.
            let close = rest.find('>')?;
            match rest.find('[').filter(|open| *open < close) {
                Some(open) => open + rest[open..].find("]")? + rest[open + rest[open..].find(']')?..].find('>')? + 1,
                None => close + 1,
            }
        } else {
            return rest.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(rest);
        };
        rest = &rest[end..];
    }
}

/// Width and height in pixels, or those of the view box.
fn size(element: &str) -> Option<(u32, u32)> {
    let (mut width, mut height, mut view) = (None, None, None);
    let mut rest = element;
    // Attributes of the one element: `name="value"`, quotes of either kind.
    while let Some(equals) = rest.find(['=', '>']) {
        if rest.as_bytes()[equals] == b'>' {
            break;
        }
        let name = rest[..equals].trim_end().rsplit(char::is_whitespace).next().unwrap_or_default();
        let value = rest[equals + 1..].trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let Some(end) = value[1..].find(quote) else { break };
        let inside = &value[1..=end];
        match name {
            "width" => width = length(inside),
            "height" => height = length(inside),
            "viewBox" => view = Some(inside),
            _ => {}
        }
        rest = &value[end + 2..];
    }
    width.zip(height).or_else(|| {
        let mut sides = view?.split([' ', ',', '\n', '\t']).filter(|part| !part.is_empty()).skip(2);
        Some((length(sides.next()?)?, length(sides.next()?)?))
    })
}

fn length(text: &str) -> Option<u32> {
    let number: f64 = text.trim().trim_end_matches("px").parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded on the same line")]
    (number.is_finite() && (0.5..1e6).contains(&number)).then(|| number.round() as u32)
}
