//! Slowing down whoever guesses passwords.
//!
//! Failures are counted in the account by the address they came from, so that nobody can lock a colleague out, so that a restart does
//! not forget them and so that replicas share them. Phone numbers nobody has are counted in the same way, in memory or in the database
//! of several replicas: whoever is made to wait must not learn from that who is registered. Besides, each address may fail only so
//! often, whomever it tries.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::accounts::{Document, PostgresHome, StoreError};

/// Wrong tries that cost nothing: people mistype.
const FREE: u32 = 5;
/// The longest wait, in milliseconds.
const LONGEST: i64 = 15 * 60_000;
/// After so much quiet the count begins anew.
const FORGOTTEN: i64 = 24 * 3_600_000;
/// Addresses counted in an account; the one that is quiet longest makes way.
const ADDRESSES: usize = 32;
/// Entries of the tables in memory.
const TABLE: usize = 4096;
/// Failures an address may have at once, whomever it tries.
const BURST: i64 = 100;
/// One of those comes back in so many milliseconds.
const REGAINED: i64 = 6_000;
/// Accounts an address may make at once: a whole company may sit behind one.
const NEWCOMERS: i64 = 100;
/// One more in so many milliseconds.
const ONE_MORE: i64 = 60_000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Failures {
    count: u32,
    last: i64,
}

impl Failures {
    fn more(self, now: i64) -> Self {
        let count = if now.saturating_sub(self.last) > FORGOTTEN { 0 } else { self.count };
        Self { count: count.saturating_add(1), last: now }
    }

    /// Milliseconds until the next try: none for the first few, then doubling from a second.
    fn wait(self, now: i64) -> i64 {
        if self.count < FREE || now.saturating_sub(self.last) > FORGOTTEN {
            return 0;
        }
        let pause = 1000_i64.checked_shl((self.count - FREE).min(20)).unwrap_or(LONGEST).min(LONGEST);
        // A clock that was set back must not make anybody wait longer than the longest pause.
        self.last.saturating_add(pause).saturating_sub(now).clamp(0, LONGEST)
    }
}

/// An address as it is counted: of IPv6 the network, since whoever has one address has 2⁶⁴.
pub(crate) fn place(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

fn failures(document: &Document) -> BTreeMap<String, Failures> {
    document.get("failures").unwrap_or_default()
}

/// What a failure with a number nobody has is kept under: the number itself may be somebody's elsewhere.
fn key(phone: &str, place: &str) -> String {
    hex::encode(&Sha256::digest(format!("{phone}\0{place}"))[..16])
}

/// The same as [`Throttle::wait_for_nobody`], of all replicas together.
pub(crate) async fn shared_wait(home: &PostgresHome, phone: &str, place: &str, now: i64) -> Result<i64, StoreError> {
    let misses = home.misses(&key(phone, place)).await?;
    Ok(misses.map_or(0, |(count, last)| Failures { count, last }.wait(now)))
}

/// The same as [`Throttle::failed_with_nobody`], for all replicas together.
pub(crate) async fn shared_failure(home: &PostgresHome, phone: &str, place: &str, now: i64) -> Result<(), StoreError> {
    home.missed(&key(phone, place), now, FORGOTTEN).await
}

/// Milliseconds this place must wait before it may try that account.
pub(crate) fn wait(document: &Document, place: &str, now: i64) -> i64 {
    failures(document).get(place).map_or(0, |failures| failures.wait(now))
}

/// Counts a failure.
pub(crate) fn failed(document: &mut Document, place: &str, now: i64) {
    let mut all = failures(document);
    all.retain(|_, failures| now.saturating_sub(failures.last) <= FORGOTTEN);
    if all.len() >= ADDRESSES && !all.contains_key(place) {
        let quietest = all.iter().min_by_key(|(_, failures)| failures.last).map(|(place, _)| place.clone());
        all.remove(&quietest.unwrap_or_default());
    }
    let entry = all.entry(place.to_owned()).or_default();
    *entry = entry.more(now);
    document.set("failures", all);
}

/// Forgets the failures of that place; tells whether there were any.
pub(crate) fn forgive(document: &mut Document, place: &str) -> bool {
    let mut all = failures(document);
    let changed = all.remove(place).is_some();
    if all.is_empty() {
        document.unset("failures");
    } else if changed {
        document.set("failures", all);
    }
    changed
}

/// So many at once, and one more in so many milliseconds (a leaky bucket, GCRA).
#[derive(Clone, Copy)]
struct Rate {
    burst: i64,
    regained: i64,
}

const TRIES: Rate = Rate { burst: BURST, regained: REGAINED };
const ACCOUNTS: Rate = Rate { burst: NEWCOMERS, regained: ONE_MORE };

impl Rate {
    /// Milliseconds until there is room for another; `full` is when everything will have been regained.
    fn wait(self, full: i64, now: i64) -> i64 {
        full.saturating_sub(now).saturating_sub((self.burst - 1) * self.regained).clamp(0, self.burst * self.regained)
    }

    /// When everything will have been regained, one later.
    fn later(self, full: i64, now: i64) -> i64 {
        full.max(now).saturating_add(self.regained)
    }
}

/// A table that never grows beyond its bound: the entry that was touched longest ago makes way.
struct Table<K> {
    entries: HashMap<K, (i64, Failures)>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<K: Hash + Eq + Clone> Table<K> {
    fn put(&mut self, key: K, touched: i64, value: Failures) {
        if self.entries.len() >= TABLE && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, (touched, _))| *touched).map(|(key, _)| key.clone());
            oldest.map(|key| self.entries.remove(&key));
        }
        self.entries.insert(key, (touched, value));
    }
}

/// What this process remembers.
pub(crate) struct Throttle {
    nobody: Mutex<Table<(String, String)>>,
    /// When each address will have regained everything.
    addresses: Mutex<Table<String>>,
    /// The same, of the accounts it may make.
    newcomers: Mutex<Table<String>>,
}

impl Throttle {
    /// Nobody has failed yet.
    pub(crate) fn new() -> Self {
        Self { nobody: Mutex::default(), addresses: Mutex::default(), newcomers: Mutex::default() }
    }

    /// Milliseconds this place must wait before it may try a phone number nobody has.
    pub(crate) fn wait_for_nobody(&self, phone: &str, place: &str, now: i64) -> i64 {
        let table = self.nobody.lock().unwrap_or_else(PoisonError::into_inner);
        table.entries.get(&(phone.to_owned(), place.to_owned())).map_or(0, |(_, failures)| failures.wait(now))
    }

    /// Counts a failure with a phone number nobody has.
    pub(crate) fn failed_with_nobody(&self, phone: &str, place: &str, now: i64) {
        let mut table = self.nobody.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (phone.to_owned(), place.to_owned());
        let failures = table.entries.get(&key).map_or_else(Failures::default, |(_, failures)| *failures).more(now);
        table.put(key, now, failures);
    }

    /// Milliseconds this place must wait before it may try anybody.
    pub(crate) fn wait_of_address(&self, place: &str, now: i64) -> i64 {
        let table = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        table.entries.get(place).map_or(0, |(full, _)| TRIES.wait(*full, now))
    }

    /// Counts a failure of that place.
    pub(crate) fn failed_at_address(&self, place: &str, now: i64) {
        let mut table = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let full = table.entries.get(place).map_or(now, |(full, _)| *full);
        table.put(place.to_owned(), TRIES.later(full, now), Failures::default());
    }

    /// Counts an account that is about to be made from there, or says how many milliseconds it must wait. This computer itself may make
    /// as many as it likes.
    pub(crate) fn newcomer(&self, from: IpAddr, now: i64) -> Result<(), i64> {
        if from.to_canonical().is_loopback() {
            return Ok(());
        }
        let place = place(from);
        let mut table = self.newcomers.lock().unwrap_or_else(PoisonError::into_inner);
        let full = table.entries.get(&place).map_or(now, |(full, _)| *full);
        match ACCOUNTS.wait(full, now) {
            0 => {
                table.put(place, ACCOUNTS.later(full, now), Failures::default());
                Ok(())
            }
            wait => Err(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::accounts::Version;

    const NOW: i64 = 1_795_332_453_627;

    fn document() -> Document {
        Document { phone: "13800138000".to_owned(), fields: Map::new(), version: Version(String::new()) }
    }

    #[test]
    fn mistyping_costs_nothing_guessing_takes_ever_longer_and_a_colleague_is_not_locked_out() {
        let mut document = document();
        let mut now = NOW;
        let mut waits = Vec::new();
        for _ in 0..20 {
            failed(&mut document, "10.0.0.1", now);
            let pause = wait(&document, "10.0.0.1", now);
            assert_eq!(wait(&document, "10.0.0.1", now + pause), 0);
            assert_eq!(wait(&document, "10.0.0.2", now), 0);
            waits.push(pause);
            now += pause;
        }
        assert_eq!(&waits[..8], [0, 0, 0, 0, 1000, 2000, 4000, 8000]);
        assert_eq!(waits.last(), Some(&LONGEST));
        assert!(forgive(&mut document, "10.0.0.1"));
        assert!(document.fields.is_empty());
    }

    #[test]
    fn a_day_of_quiet_and_a_clock_set_back_are_no_prison() {
        let mut document = document();
        (0..50).for_each(|_| failed(&mut document, "10.0.0.1", NOW));
        assert_eq!(wait(&document, "10.0.0.1", NOW + FORGOTTEN + 1), 0);
        assert_eq!(wait(&document, "10.0.0.1", NOW - FORGOTTEN), LONGEST);
    }

    #[test]
    fn an_account_counts_a_bounded_number_of_addresses() {
        let mut document = document();
        for i in 0..1000_u32 {
            failed(&mut document, &place(IpAddr::from(i.to_be_bytes())), NOW + i64::from(i));
        }
        assert_eq!(failures(&document).len(), ADDRESSES);
    }

    #[test]
    fn one_address_that_tries_everybody_is_stopped_and_regains_its_breath() {
        let throttle = Throttle::new();
        for _ in 0..BURST {
            assert_eq!(throttle.wait_of_address("10.0.0.1", NOW), 0);
            throttle.failed_at_address("10.0.0.1", NOW);
        }
        let pause = throttle.wait_of_address("10.0.0.1", NOW);
        assert_eq!(pause, REGAINED);
        assert_eq!(throttle.wait_of_address("10.0.0.1", NOW + pause), 0);
        assert_eq!(throttle.wait_of_address("10.0.0.2", NOW), 0);
    }

    #[test]
    fn an_address_makes_a_bounded_number_of_accounts_and_this_computer_as_many_as_it_likes() {
        let throttle = Throttle::new();
        let of = |text: &str| text.parse::<IpAddr>().expect("an address");
        for _ in 0..NEWCOMERS {
            assert_eq!(throttle.newcomer(of("192.0.2.1"), NOW), Ok(()));
            assert_eq!(throttle.newcomer(of("127.0.0.1"), NOW), Ok(()));
        }
        assert_eq!(throttle.newcomer(of("192.0.2.1"), NOW), Err(ONE_MORE));
        assert_eq!(throttle.newcomer(of("192.0.2.2"), NOW), Ok(()));
        assert_eq!(throttle.newcomer(of("::ffff:127.0.0.1"), NOW), Ok(()));
        assert_eq!(throttle.newcomer(of("192.0.2.1"), NOW + ONE_MORE), Ok(()));
        assert_eq!(throttle.newcomer(of("192.0.2.1"), NOW + ONE_MORE), Err(ONE_MORE));
    }

    #[test]
    fn the_tables_in_memory_are_bounded() {
        let throttle = Throttle::new();
        for i in 0..(TABLE as u32 + 500) {
            let place = place(IpAddr::from(i.to_be_bytes()));
            throttle.failed_at_address(&place, NOW + i64::from(i));
            throttle.failed_with_nobody("13800138000", &place, NOW + i64::from(i));
        }
        assert_eq!(throttle.addresses.lock().expect("free").entries.len(), TABLE);
        assert_eq!(throttle.nobody.lock().expect("free").entries.len(), TABLE);
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let of = |text: &str| place(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), "10.0.0.1");
    }
}
