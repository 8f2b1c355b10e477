//! What is done to images, as options.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command};
use imagepic_core::destination::{Convert, LONGEST_SIDE, USUAL_QUALITY};
use imagepic_words::images as words;

use super::Make;
use crate::images::NONE;

/// `--convert` and the others; what is not given stays as the destination has it.
pub(super) fn images(make: Make, command: Command) -> Command {
    let formats = std::iter::once(NONE).chain(Convert::ALL.map(|(word, _)| word));
    let side = |name, help| make.number(make.option(name, "PIXELS", help), 0, i64::from(LONGEST_SIDE));
    command
        .arg(make.option("convert", "FORMAT", words::option_convert()).value_parser(PossibleValuesParser::new(formats)))
        .arg(make.number(make.option("quality", "N", words::option_quality(USUAL_QUALITY)), 0, 100))
        .arg(side("max-width", words::option_max_width()))
        .arg(side("max-height", words::option_max_height()))
        .arg(switch(make.option("squeeze", "BOOL", words::option_squeeze())))
        .arg(switch(make.option("strip-metadata", "BOOL", words::option_strip_metadata())))
}

/// `--squeeze` or `--squeeze=false`.
fn switch(arg: Arg) -> Arg {
    arg.num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .hide_default_value(true)
        .value_parser(PossibleValuesParser::new(["true", "false"]))
}
