//! The formats of links on the command line: those that are always there in any case, and one's own as `custom:NAME`. Whether there is
//! such a template only the settings know, and they are not read here.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Command, Error};
use imagepic_core::link::Format;

#[derive(Debug, Clone, Copy)]
pub(super) struct Formats;

impl TypedValueParser for Formats {
    type Value = Format;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Format, Error> {
        match value.to_str().and_then(Format::named) {
            Some(format) => Ok(format),
            // What it refuses it refuses with the list of what there is; it takes nothing that has no name above.
            None => PossibleValuesParser::new(names()).parse_ref(cmd, arg, value).map(|_| Format::default()),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(names().into_iter().map(PossibleValue::new)))
    }
}

fn names() -> [&'static str; 7] {
    let mut names = ["custom:NAME"; 7];
    for (name, format) in names.iter_mut().zip(Format::ALL) {
        *name = format.word();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_taken_in_any_case_and_what_is_none_is_told_with_the_list() {
        let take = |text: &str| Formats.parse_ref(&Command::new("imagepic"), None, OsStr::new(text));
        assert_eq!(take("HTML").expect("a format"), Format::Html);
        assert_eq!(take("custom:wiki").expect("a format").name(), "custom:wiki");
        for wrong in ["latex", "custom:"] {
            let told = take(wrong).expect_err("none").to_string();
            assert!(told.contains("markdown") && told.contains("custom:NAME"), "{told}");
        }
    }
}
