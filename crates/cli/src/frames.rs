//! What stands around help and usage errors: headings, "error:", tips. clap has them in English only.
//!
//! English keeps clap's own words; for another language the help gets headings and defaults of its own, and an error is put together
//! from its kind and context. What stays out: the commands themselves.

use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, Error};
use imagepic_words::{Lang, Text, console_usage as words};

/// Between the parts of a list. English lists are put together by clap.
const COMMA: &str = "、";

/// Help, version and headings in `lang`, for the whole tree.
pub(crate) fn dress(root: Command, lang: Lang) -> Command {
    // clap's own words for these are not to be translated, so that all languages have ours.
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version).help(words::version().to(lang));
    let mut root = dress_one(root.disable_version_flag(true).arg(version), lang);
    if lang == Lang::En {
        return root;
    }
    // Usage lines need to know under which name a command is called.
    root.build();
    usage(root, lang)
}

fn dress_one(command: Command, lang: Lang) -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help).help(words::help().to(lang));
    let mut command = command.disable_help_flag(true).disable_help_subcommand(true).arg(help);
    if lang != Lang::En {
        let template = template(&command, lang);
        command = command
            .help_template(template)
            .subcommand_value_name(kept(&words::command(), lang))
            .mut_args(|arg| argument(arg, lang));
    }
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |sub| dress_one(sub, lang)))
}

/// The whole help with headings of our own: behind any that it is given clap puts an ASCII colon.
fn template(command: &Command, lang: Lang) -> String {
    let (usage, heading) = (command.get_styles().get_usage(), command.get_styles().get_header());
    let mut template = format!("{{before-help}}{{about-with-newline}}\n{usage}{}{usage:#}{{usage}}", words::usage().to(lang));
    let commands = command.get_subcommands().any(|sub| !sub.is_hide_set());
    let arguments = command.get_positionals().any(|arg| !arg.is_hide_set());
    for (there, text, what) in [
        (commands, words::commands(), "subcommands"),
        (arguments, words::arguments(), "positionals"),
        (true, words::options(), "options"),
    ] {
        if there {
            template.push_str(&format!("\n\n{heading}{}{heading:#}\n{{{what}}}", text.to(lang)));
        }
    }
    template + "{after-help}"
}

/// clap wants some words for as long as the program runs; there are a handful of them.
fn kept(text: &Text, lang: Lang) -> &'static str {
    text.to(lang).leak()
}

fn argument(arg: Arg, lang: Lang) -> Arg {
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let taken = arg.get_action().takes_values();
    let values: Vec<String> =
        if taken { arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect() } else { Vec::new() };
    let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    if taken && !defaults.is_empty() {
        help.push_str(&words::default_value(defaults.join(" ")).to(lang));
    }
    if !values.is_empty() {
        help.push_str(&words::possible_values(values.join(COMMA)).to(lang));
    }
    let arg = arg.help(help);
    if taken { arg.hide_possible_values(true).hide_default_value(true) } else { arg }
}

fn usage(command: Command, lang: Lang) -> Command {
    let line = own_usage(&command.clone().render_usage().to_string(), lang);
    let command = command.override_usage(line);
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |sub| usage(sub, lang)))
}

fn own_usage(line: &str, lang: Lang) -> String {
    line.trim_start_matches("Usage:").trim().replace("[OPTIONS]", &words::options_here().to(lang))
}

/// A usage error in `lang`, as it is written to standard error.
pub(crate) fn render(error: &Error, lang: Lang) -> String {
    let meant = meant(error);
    if lang == Lang::En {
        let mut text = error.render().to_string();
        if let (Some(meant), Some(at)) = (meant, text.find("\n\nUsage:")) {
            text.replace_range(text.find("\n\n").unwrap_or(at)..at, &format!("\n\n  {}", meant.to(lang)));
        }
        return text;
    }
    let mut out = words::error(what(error, lang)).to(lang);
    for text in meant.map_or_else(|| tips(error), |meant| vec![meant]) {
        out.push_str(&format!("\n\n  {}", text.to(lang)));
    }
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        let line = own_usage(&usage.to_string(), lang);
        out.push_str(&format!("\n\n{}{line}", words::usage().to(lang)));
    }
    out.push_str(&format!("\n\n{}\n", words::more().to(lang)));
    out
}

/// What a context holds, as text; several, one after the other.
fn context(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(COMMA),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        Some(ContextValue::StyledStrs(texts)) => texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(COMMA),
        Some(ContextValue::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn what(error: &Error, lang: Lang) -> String {
    let context = |kind| context(error, kind);
    let argument = context(ContextKind::InvalidArg);
    let value = context(ContextKind::InvalidValue);
    let text = match error.kind() {
        ErrorKind::UnknownArgument => words::unknown_argument(argument),
        ErrorKind::InvalidSubcommand => words::unknown_command(context(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingSubcommand => words::missing_command(),
        ErrorKind::InvalidValue if value.is_empty() => words::missing_value(argument),
        ErrorKind::InvalidValue => words::invalid_value(value, argument, context(ContextKind::ValidValue)),
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            words::refused_value(value, argument, why)
        }
        ErrorKind::ArgumentConflict => {
            let other = context(ContextKind::PriorArg);
            if other.is_empty() || other == argument { words::twice(argument) } else { words::conflict(argument, other) }
        }
        ErrorKind::MissingRequiredArgument => words::missing_argument(argument),
        ErrorKind::TooManyValues => words::too_many_values(value, argument),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues | ErrorKind::NoEquals => words::value_count(argument),
        ErrorKind::InvalidUtf8 => words::not_text(),
        _ => return error.kind().to_string(),
    };
    text.to(lang)
}

/// The command that is called otherwise here. Likeness in letters says nothing of it: "remove" is not "serve".
fn meant(error: &Error) -> Option<Text> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    // Below a command the same word means something else.
    let usage = context(error, ContextKind::Usage);
    usage.contains("imagepic <").then_some(())?;
    let file = || Path::new(word).exists() || imagepic_core::capture::address(word).is_some();
    let command = match crate::args::meant(word) {
        Some(command) => format!("imagepic {command}"),
        // Who names a file or a picture's address wants it uploaded.
        None => file().then(|| format!("imagepic upload {}", crate::out::quoted(word)))?,
    };
    Some(words::similar(command))
}

fn tips(error: &Error) -> Vec<Text> {
    [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .map(|kind| context(error, kind))
        .filter(|text| !text.is_empty())
        .map(words::similar)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;

    fn refused(args: &[&str]) -> String {
        let error = command(Lang::ZhCn).try_get_matches_from(args).expect_err("refused");
        render(&error, Lang::ZhCn)
    }

    #[test]
    fn a_chinese_reader_meets_no_english_frame() {
        for (args, says) in [
            (&["imagepic", "upload", "--colour"][..], "--colour"),
            (&["imagepic", "frobnicate"], "frobnicate"),
            (&["imagepic", "uplaod"], "upload"),
            (&["imagepic", "upload", "a.png", "--as", "pdf"], "markdown"),
            (&["imagepic", "upload", "a.png", "--to"], "--to"),
            (&["imagepic", "upload"], "FILE"),
            (&["imagepic", "upload", "a.png", "--create"], "--bucket"),
            (&["imagepic", "history", "--limit", "0"], "10000"),
            (&["imagepic", "cancel", "x"], "x"),
            (&["imagepic", "cancel", "1", "--all"], "--all"),
            (&["imagepic", "settings", "get", "a", "b"], "b"),
            (&["imagepic", "destinations", "edit", "a", "--presign", "1", "--public-base", "x"], "--presign"),
        ] {
            let text = refused(args);
            assert!(text.contains("错误") && text.contains(says), "{args:?}: {text}");
            for english in ["error:", "Usage", "unexpected", "required", "similar", "invalid", "[OPTIONS]", "For more"] {
                assert!(!text.contains(english), "{args:?} says {english}: {text}");
            }
        }
    }

    #[test]
    fn a_command_that_is_called_otherwise_here_is_named() {
        for lang in [Lang::En, Lang::ZhCn] {
            for (word, instead) in [("delete", "imagepic rm"), ("remove", "imagepic rm"), ("list", "imagepic ls")] {
                let error = command(lang).try_get_matches_from(["imagepic", word, "images/a.png"]).expect_err("refused");
                let text = render(&error, lang);
                assert!(text.contains(instead) && !text.contains("serve") && !text.contains("register"), "{text}");
            }
        }
        // Below a command of its own they mean something else.
        let error = command(Lang::En).try_get_matches_from(["imagepic", "watch", "put"]).expect_err("refused");
        assert!(!render(&error, Lang::En).contains("imagepic upload"));
    }

    #[test]
    fn help_is_in_the_language_to_the_last_heading() {
        fn walk(command: &mut Command) {
            let help = command.render_long_help().to_string();
            for english in ["Usage", "Options:", "Commands:", "Arguments:", "Print", "[default", "[possible", "[OPTIONS]"] {
                assert!(!help.contains(english), "{english} in {help}");
            }
            for sub in command.get_subcommands_mut() {
                walk(sub);
            }
        }
        walk(&mut command(Lang::ZhCn));
    }
}
