//! What is done to images: from the options, and what came of it in words.

use clap::ArgMatches;
use imagepic_core::destination::{Convert, Images};
use imagepic_core::event::ImageWork;
use imagepic_words::images as words;

use crate::out::Out;

/// For no conversion.
pub(crate) const NONE: &str = "none";

/// Puts what was given into the settings; what was not given stays. Whether anything was given.
pub(crate) fn fill(images: &mut Images, args: &ArgMatches) -> bool {
    let before = images.clone();
    let number = |id: &str| args.get_one::<i64>(id).map(|number| u32::try_from(*number).ok().filter(|number| *number > 0));
    let switch = |id: &str| args.get_one::<String>(id).map(|value| value == "true");
    if let Some(format) = args.get_one::<String>("convert") {
        images.convert = Convert::named(format);
    }
    if let Some(quality) = number("quality") {
        images.quality = quality.and_then(|quality| u8::try_from(quality).ok());
    }
    images.max_width = number("max-width").unwrap_or(images.max_width);
    images.max_height = number("max-height").unwrap_or(images.max_height);
    images.squeeze = switch("squeeze").unwrap_or(images.squeeze);
    images.strip_metadata = switch("strip-metadata").unwrap_or(images.strip_metadata);
    *images != before
}

/// Tells what was done to each, and in one line what concerns several alike.
pub(crate) fn tell<'a>(works: impl Iterator<Item = (&'a str, &'a ImageWork)>, out: &Out) {
    let mut alike: Vec<(&str, Vec<&str>)> = Vec::new();
    for (file, work) in works {
        if let Some(summary) = &work.summary {
            out.tell(&words::one(file, summary));
        }
        for notice in &work.notices {
            match alike.iter_mut().find(|(known, _)| *known == notice) {
                Some((_, files)) => files.push(file),
                None => alike.push((notice, vec![file])),
            }
        }
    }
    for (notice, files) in alike {
        match files.as_slice() {
            [one] => out.tell(&words::one(one, notice)),
            [first, more @ ..] => out.tell(&words::several(first, more.len(), notice)),
            [] => {}
        }
    }
}
