//! Figures and names as people read them, the same in every language; the sentences themselves are in `imagepic-words`.

/// "83 kB", "4.9 MB": powers of 1000, one decimal where it says something.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people, rounded to one decimal")]
    let value = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.0} kB", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.1} GB", value / 1e9),
    }
}

/// A name of at most `most` characters: a longer one loses its middle, never its end, where the type and the hash are.
pub(crate) fn middle_cut(name: &str, most: usize) -> String {
    // Line ends and other control characters would break a menu line or imitate a second one.
    let letters: Vec<char> =
        imagepic_words::upright(name).chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if letters.len() <= most {
        return letters.into_iter().collect();
    }
    let tail = most / 2;
    let head = most - tail - 1;
    let (start, end) = (&letters[..head], &letters[letters.len() - tail..]);
    start.iter().chain(&['…']).chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_like_a_file_manager_says_them() {
        let read = [0, 999, 83_412, 999_499, 4_990_000, 1_200_000_000].map(size);
        assert_eq!(read, ["0 B", "999 B", "83 kB", "999 kB", "5.0 MB", "1.2 GB"]);
    }

    #[test]
    fn a_long_name_keeps_its_start_and_its_end() {
        assert_eq!(middle_cut("checkout-empty-state-9f3a1c7e.png", 21), "checkout-e…3a1c7e.png");
        assert_eq!(middle_cut("登录页-深色@2x.png", 44), "登录页-深色@2x.png");
        assert_eq!(middle_cut("a\nb.png", 44), "a b.png");
        assert_eq!(
            middle_cut("a\u{202e}gnp.exe", 44),
            "a\u{fffd}gnp.exe",
            "what follows in the line would be read from the right"
        );
    }
}
