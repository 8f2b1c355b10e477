//! The arguments of the team server. Secrets are none of them: a command line is read by everybody on the computer.

use clap::{Command, value_parser};
use imagepic_words::server as words;

use super::Make;

/// `imagepic serve`
pub(super) fn serving(make: Make) -> Command {
    let path = value_parser!(std::path::PathBuf);
    make.shown("serve", words::about(), &["serve", "serve --listen 0.0.0.0:3100 --data /var/lib/imagepic"])
        .arg(make.option("listen", "ADDR", words::option_listen()))
        .arg(make.option("data", "DIR", words::option_data()).value_parser(path.clone()))
        .arg(make.option("config", "FILE", words::option_config()).value_parser(path))
}
