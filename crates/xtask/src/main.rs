//! `cargo xtask`: what a person working on imagepic does all day, each as one command that sets up what is missing by itself.
//!
//! It is plain std, so that it is built within seconds on a fresh machine, and it knows none of the product's crates: it starts
//! their programs. What the product does is tested in `tests/`; this only prepares and calls.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod bench;
mod dist;
mod rules;
mod run;
mod setup;
mod sh;
mod shots;
mod test;
mod ui;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask setup                    find what is missing and install it
cargo xtask run [FILES] [--once]     build and start the tray app; without a display on a virtual one, with a sample as proof
cargo xtask test [--all] [FILTER]    everything CI runs; --all adds what takes minutes; FILTER: only Rust tests with this in their name
cargo xtask bench [WHAT…]            the figures, beside curl, rclone, picgo and node: resident cold many large tray bucket server
cargo xtask dist                     the Debian package
cargo xtask shots                    pictures of the windows, in artifacts/shots/
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let done = match command {
        "setup" => setup::setup(rest),
        "bench" => bench::bench(rest),
        "dist" => dist::dist(rest),
        "run" => run::run(rest),
        "shots" => shots::shots(rest),
        "test" => test::test(rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("There is no task \"{other}\". These exist:\n\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\nxtask: {why}");
            ExitCode::FAILURE
        }
    }
}
