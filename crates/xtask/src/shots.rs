//! `cargo xtask shots`: pictures of the windows, light and dark, in both languages, at 100 % and 200 %: of the real ones, taken by the
//! desktop tests, and of every state they have, drawn in a browser. And of them those of the README.

use crate::sh::{self, Done, step};
use crate::{setup, test, ui};

/// What the README shows, in both languages and for both themes of whoever reads it.
const README: [&str; 4] = ["windows.png", "windows-dark.png", "windows-zh.png", "windows-zh-dark.png"];

/// `cargo xtask shots`
pub(crate) fn shots(arguments: &[String]) -> Done {
    if let Some(surplus) = arguments.first() {
        return Err(format!("shots takes no arguments, not \"{surplus}\""));
    }
    setup::for_tests()?;
    step("programs and tests", || sh::run(&mut test::programs()))?;
    // Those of windows that are no more would be looked at, too.
    let made = sh::root().join("artifacts/shots");
    std::fs::remove_dir_all(&made).ok();
    step("pictures", || sh::run(test::nextest(false).args(["--run-ignored", "all", "shots::"])))?;
    for name in README {
        let (from, to) = (made.join(name), sh::root().join("docs").join(name));
        std::fs::copy(&from, &to).map_err(|why| format!("{} to {}: {why}", from.display(), to.display()))?;
    }
    step("every state", ui::shots)?;
    println!("They are in artifacts/shots/, every state in artifacts/shots/states/, those of the README in docs/.");
    Ok(())
}
