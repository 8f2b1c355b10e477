//! The test of a destination, told as it climbs: a store that is slow to answer leaves nobody in doubt about what is tried.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use imagepic_core::destination::{Destination, Kind};
use imagepic_core::engine::{Draft, Engine, RungName, RungState, TEAM_RUNGS, TestReport};
use imagepic_words::{Lang, Text, console as words};

use crate::out::Out;
use crate::{FAILED, WELL};

fn called(rung: RungName, team: bool) -> Text {
    match rung {
        RungName::Address => words::rung_address(),
        RungName::Tls => words::rung_tls(),
        RungName::Clock => words::rung_clock(),
        RungName::Region => words::rung_region(),
        RungName::Key if team => imagepic_words::team::rung_account(),
        RungName::Key => words::rung_key(),
        RungName::Secret => words::rung_secret(),
        RungName::Bucket => words::rung_bucket(),
        RungName::Permission => words::rung_permission(),
        RungName::Style => words::rung_style(),
    }
}

/// What was told so far.
struct Told {
    lang: Lang,
    /// A team server's.
    team: bool,
    /// Rungs that have their line.
    lines: usize,
    /// A line without an end names what is being tried.
    trying: bool,
}

impl Told {
    fn line(&mut self, mark: char, rung: RungName) {
        let mut out = std::io::stderr().lock();
        // Over the line that said it was being tried.
        let begin = if std::mem::take(&mut self.trying) { "\r\x1b[K" } else { "" };
        let _ = writeln!(out, "{begin}{mark} {}", called(rung, self.team).to(self.lang));
        self.lines += 1;
    }

    /// Everything below `rung` holds, and it is tried now.
    fn sets_out(&mut self, rung: RungName) {
        let all: &[RungName] = if self.team { &TEAM_RUNGS } else { &RungName::ALL };
        while let Some(below) = all.get(self.lines).copied().filter(|below| *below < rung) {
            self.line('✓', below);
        }
        if Out::watched() {
            let mut out = std::io::stderr().lock();
            let begin = if self.trying { "\r\x1b[K" } else { "" };
            let _ = write!(out, "{begin}… {}", called(rung, self.team).to(self.lang)).and_then(|()| out.flush());
            self.trying = true;
        }
    }

    fn rest(&mut self, report: &TestReport) {
        for rung in report.rungs.iter().skip(self.lines) {
            self.line(
                match rung.state {
                    RungState::Ok => '✓',
                    RungState::Bad => '✗',
                    RungState::Todo => '·',
                },
                rung.rung,
            );
        }
    }
}

/// Tests a destination, every step on standard error as it is taken; the exit code tells whether all of them are good.
pub(crate) async fn test(engine: &Engine, destination: Destination, out: &Out) -> (u8, TestReport) {
    let name = destination.name.clone();
    out.tell(&match &destination.kind {
        Kind::S3(address) => words::testing(&name, &address.endpoint),
        Kind::ThisComputer => words::testing_here(&name),
        Kind::Team(address) => words::testing(&name, &address.server),
    });
    let team = matches!(destination.kind, Kind::Team(_));
    let told = Mutex::new(Told { lang: out.lang, team, lines: 0, trying: false });
    let hold = || told.lock().unwrap_or_else(PoisonError::into_inner);
    let draft = Draft { destination, secret: None };
    let report = engine.destinations().test_telling(draft, &|rung| hold().sets_out(rung)).await;
    hold().rest(&report);
    if report.code.is_none() {
        out.tell(&words::test_ok(name, report.took_ms));
        return (WELL, report);
    }
    if let Some(message) = &report.message {
        out.say(message);
    }
    // Everything can be reached, and what is wrong is that links are to be public.
    if team && report.rungs.iter().all(|rung| rung.state == RungState::Ok) {
        crate::follow::tell_no_public(&name, out);
    }
    if let Some(suggestion) = &report.suggestion {
        out.tell(&words::test_suggestion(&suggestion.field, &suggestion.value));
    }
    (FAILED, report)
}
