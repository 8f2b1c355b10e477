//! `cargo xtask shots`: pictures of the real windows, light and dark, in both languages, taken by the desktop tests.

use crate::sh::{self, Done, step};
use crate::{setup, test};

/// `cargo xtask shots`
pub(crate) fn shots(arguments: &[String]) -> Done {
    if let Some(surplus) = arguments.first() {
        return Err(format!("shots takes no arguments, not \"{surplus}\""));
    }
    setup::for_tests()?;
    step("programs and tests", test::programs)?;
    step("pictures", || {
        let mut nextest = sh::cargo();
        nextest.args(["nextest", "run", "--locked", "--workspace", "--run-ignored", "all", "shots::"]);
        sh::run(&mut nextest)
    })?;
    println!("They are in artifacts/shots/.");
    Ok(())
}
