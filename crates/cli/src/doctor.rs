//! Diagnostics on standard output: what surrounds imagepic, and whether the destination in use can be used. No secret is in it.

use clap::ArgMatches;
use imagepic_core::Result;
use imagepic_core::engine::{Engine, Finding, RungState};
use serde_json::json;

use crate::out::Out;
use crate::{FAILED, WELL, climb};

/// Exit code 1 where something is wrong; what one can live with is told and is no failure.
pub(crate) async fn run(engine: &Engine, args: &ArgMatches, out: &mut Out) -> Result<u8> {
    // What the report says of the destination in use is what the test is about to find.
    let current = engine.destinations().current();
    let quiet = args.get_flag("json");
    let (code, test) = if quiet {
        let draft = imagepic_core::engine::Draft { destination: current.clone(), secret: None };
        let test = engine.destinations().test(draft).await;
        (if test.code.is_none() { WELL } else { FAILED }, test)
    } else {
        climb::test(engine, current.clone(), out).await
    };
    let report = engine.doctor().report(env!("CARGO_PKG_VERSION"), Vec::new()).await;
    let well = report.is_well() && code == WELL;
    if quiet {
        let line =
            |found: &Finding| json!({ "topic": found.topic, "health": found.health, "label": found.label, "text": found.text });
        let good = test.rungs.iter().filter(|rung| rung.state == RungState::Ok).map(|rung| rung.rung).collect::<Vec<_>>();
        out.json(&json!({
            "well": well,
            "findings": report.findings.iter().map(line).collect::<Vec<_>>(),
            "test": { "destination": current.id, "code": test.code, "good": good, "took_ms": test.took_ms },
        }));
    } else {
        out.line(report.text(out.lang).trim_end());
    }
    Ok(if well { WELL } else { FAILED })
}
