//! The process of its own: an order and its pixels come in, the file goes out.

use std::io::{self, BufReader, Read, Write};
use std::process::ExitCode;
use std::thread;

use imagepic_media::convert::avif::Order;

use super::{Error, encode_after};

/// So much less pressing than what somebody is looking at, of 19.
#[cfg(unix)]
const NICE: i32 = 5;

/// Reads one order and its pixels from standard input, writes the file to standard output, and why there is none to standard error.
/// Whoever asked keeps standard input open until they have it: once it ends, nobody waits any more, and this process ends too.
#[must_use]
pub fn serve() -> ExitCode {
    #[cfg(unix)]
    let _ = rustix::process::nice(NICE);
    match one() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let why = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            let _ = writeln!(io::stderr(), "{error}{why}");
            ExitCode::FAILURE
        }
    }
}

fn one() -> Result<(), Error> {
    let file = {
        // Not locked: it is looked after by another thread once the pixels are there.
        let mut input = BufReader::with_capacity(256 << 10, io::stdin());
        let order = Order::read(&mut input).map_err(Error::Pixels)?;
        encode_after(&order, &mut input, end_when_nobody_waits)?
    };
    let mut out = io::stdout().lock();
    out.write_all(&file).and_then(|()| out.flush()).map_err(Error::Pixels)
}

fn end_when_nobody_waits() {
    thread::spawn(|| {
        let mut more = [0];
        let _ = io::stdin().read(&mut more);
        std::process::exit(1);
    });
}
