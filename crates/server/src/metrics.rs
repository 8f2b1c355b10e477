//! Figures for Prometheus, in its text format 0.0.4. Labels are routes and codes of ours, never what came from outside.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds in seconds; uploads take long.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    route: &'static str,
    method: &'static str,
    status: u16,
    error: String,
}

#[derive(Debug, Default)]
struct Times {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

#[derive(Debug, Default)]
struct Counted {
    requests: BTreeMap<Kind, u64>,
    times: BTreeMap<&'static str, Times>,
    refused_reads: BTreeMap<&'static str, u64>,
}

/// What was counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counted: Mutex<Counted>,
    /// Requests under way.
    pub(crate) running: AtomicI64,
    /// Connections open.
    pub(crate) connections: AtomicI64,
    /// Connections closed at once, since their address has too many.
    pub(crate) turned_away: AtomicU64,
    /// Requests that ended in a panic.
    pub(crate) panics: AtomicU64,
}

/// A request under way; counts down when it is dropped.
pub(crate) struct Running<'a>(&'a Metrics);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Nobody's own word for a method becomes a label.
fn known(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

impl Metrics {
    /// A request begins.
    pub(crate) fn begin(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(self)
    }

    /// A request was answered.
    pub(crate) fn answered(
        &self,
        route: &'static str,
        method: &http::Method,
        status: u16,
        error: Option<String>,
        took: Duration,
    ) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = Kind { route, method: known(method), status, error: error.unwrap_or_default() };
        *counted.requests.entry(kind).or_default() += 1;
        let times = counted.times.entry(route).or_default();
        let seconds = took.as_secs_f64();
        for (bucket, bound) in times.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
        times.count += 1;
        times.sum += seconds;
    }

    /// Somebody read without a token where one is asked for: who still has to be told, after the old service is gone.
    pub(crate) fn refused_read(&self, route: &'static str) {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner).refused_reads.entry(route).or_default() += 1;
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        let mut out = String::with_capacity(8192);
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        head(&mut out, "imagepic_requests_total", "counter", "Requests answered.");
        for (Kind { route, method, status, error }, count) in &counted.requests {
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\",error=\"{error}\"");
            _ = writeln!(out, "imagepic_requests_total{{{labels}}} {count}");
        }
        head(&mut out, "imagepic_request_seconds", "histogram", "Time from a request's head to its answer's head.");
        for (route, times) in &counted.times {
            for (bound, count) in BOUNDS.iter().zip(times.buckets) {
                _ = writeln!(out, "imagepic_request_seconds_bucket{{route=\"{route}\",le=\"{bound}\"}} {count}");
            }
            _ = writeln!(out, "imagepic_request_seconds_bucket{{route=\"{route}\",le=\"+Inf\"}} {}", times.count);
            _ = writeln!(out, "imagepic_request_seconds_sum{{route=\"{route}\"}} {}", times.sum);
            _ = writeln!(out, "imagepic_request_seconds_count{{route=\"{route}\"}} {}", times.count);
        }
        let reads = "imagepic_anonymous_reads_refused_total";
        head(&mut out, reads, "counter", "Reads without a token that were refused.");
        for (route, count) in &counted.refused_reads {
            _ = writeln!(out, "{reads}{{route=\"{route}\"}} {count}");
        }
        drop(counted);
        let gauges = [
            ("imagepic_requests_running", "gauge", "Requests under way.", self.running.load(Ordering::Relaxed).to_string()),
            ("imagepic_connections", "gauge", "Connections open.", self.connections.load(Ordering::Relaxed).to_string()),
            (
                "imagepic_connections_refused_total",
                "counter",
                "Connections closed at once, since their address has too many.",
                self.turned_away.load(Ordering::Relaxed).to_string(),
            ),
            (
                "imagepic_panics_total",
                "counter",
                "Requests that ended in a fault of the server.",
                self.panics.load(Ordering::Relaxed).to_string(),
            ),
        ];
        for (name, kind, help, value) in gauges {
            head(&mut out, name, kind, help);
            _ = writeln!(out, "{name} {value}");
        }
        head(&mut out, "imagepic_build_info", "gauge", "The version that runs.");
        _ = writeln!(out, "imagepic_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        out
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_what_happened() {
        let metrics = Metrics::default();
        let running = metrics.begin();
        metrics.answered("/a", &http::Method::POST, 200, None, Duration::from_millis(3));
        metrics.answered("/a", &http::Method::POST, 200, Some("bad_phone".into()), Duration::from_secs(2));
        metrics.answered("/a", &http::Method::from_bytes(b"X\"Y").unwrap_or(http::Method::TRACE), 405, None, Duration::ZERO);
        metrics.refused_read("/b");
        let text = metrics.text();
        for line in [
            "imagepic_requests_total{route=\"/a\",method=\"POST\",status=\"200\",error=\"bad_phone\"} 1",
            "imagepic_requests_total{route=\"/a\",method=\"other\",status=\"405\",error=\"\"} 1",
            "imagepic_request_seconds_bucket{route=\"/a\",le=\"0.005\"} 2",
            "imagepic_request_seconds_bucket{route=\"/a\",le=\"+Inf\"} 3",
            "imagepic_anonymous_reads_refused_total{route=\"/b\"} 1",
            "imagepic_requests_running 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
        drop(running);
        assert!(metrics.text().contains("imagepic_requests_running 0\n"));
    }
}
