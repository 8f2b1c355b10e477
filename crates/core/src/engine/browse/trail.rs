//! Where a person has looked and where own uploads went, newest first: menus keep what lies there true, one level deeper than was looked,
//! and lead to it at once.
//!
//! Memory alone; nothing here asks anybody.

use std::collections::VecDeque;

/// Places of each kind that are remembered.
const MOST: usize = 12;

/// A place in a bucket of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spot {
    /// Id of the destination.
    pub destination: String,
    /// In which bucket.
    pub bucket: String,
    /// Empty, or ending in `/`.
    pub prefix: String,
}

impl Spot {
    fn is_above(&self, other: &Self) -> bool {
        (&self.destination, &self.bucket) == (&other.destination, &other.bucket) && other.prefix.starts_with(&self.prefix)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Trail {
    looked: VecDeque<Spot>,
    used: VecDeque<Spot>,
    present: Option<Spot>,
}

impl Trail {
    /// A person turned to this place. What was passed on the way to it is the way to it.
    pub(super) fn turned_to(&mut self, spot: Spot) {
        self.looked.retain(|known| !known.is_above(&spot));
        put(&mut self.looked, spot);
    }

    /// Own uploads went there, wherever a template put them.
    pub(super) fn used(&mut self, spot: Spot) {
        put(&mut self.used, spot);
    }

    /// Where uploads go now; where they went before is a place to go back to.
    pub(super) fn stands(&mut self, spot: Option<Spot>) {
        if self.present != spot
            && let Some(before) = std::mem::replace(&mut self.present, spot)
        {
            self.turned_to(before);
        }
    }

    pub(super) fn forget(&mut self, destination: &str) {
        for spots in [&mut self.looked, &mut self.used] {
            spots.retain(|spot| spot.destination != destination);
        }
        self.present.take_if(|spot| spot.destination == destination);
    }

    /// Where a person looked, newest first.
    pub(super) fn looked(&self) -> Vec<Spot> {
        self.looked.iter().cloned().collect()
    }

    /// Bucket and prefix of the places of a destination that are worth keeping true, the newest first, of both kinds in turn.
    pub(super) fn of(&self, destination: &str) -> Vec<(String, String)> {
        let mine = |spots: &VecDeque<Spot>| {
            let mine = spots.iter().filter(|spot| spot.destination == destination);
            mine.map(|spot| (spot.bucket.clone(), spot.prefix.clone())).collect::<Vec<_>>()
        };
        let (looked, used) = (mine(&self.looked), mine(&self.used));
        let turns = 0..looked.len().max(used.len());
        turns.flat_map(|turn| looked.get(turn).into_iter().chain(used.get(turn))).cloned().collect()
    }
}

fn put(spots: &mut VecDeque<Spot>, spot: Spot) {
    spots.retain(|known| *known != spot);
    spots.push_front(spot);
    spots.truncate(MOST);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(bucket: &str, prefix: &str) -> Spot {
        Spot { destination: "d".to_owned(), bucket: bucket.to_owned(), prefix: prefix.to_owned() }
    }

    fn prefixes(trail: &Trail) -> Vec<String> {
        trail.looked().into_iter().map(|spot| format!("{}:{}", spot.bucket, spot.prefix)).collect()
    }

    #[test]
    fn whoever_walks_down_leaves_one_trace_and_whoever_turns_back_another() {
        let mut trail = Trail::default();
        for prefix in ["", "docs/", "docs/img/"] {
            trail.turned_to(spot("b", prefix));
        }
        trail.turned_to(spot("c", ""));
        assert_eq!(prefixes(&trail), ["c:", "b:docs/img/"]);
        trail.turned_to(spot("b", "docs/"));
        assert_eq!(prefixes(&trail), ["b:docs/", "c:", "b:docs/img/"]);
        trail.turned_to(spot("b", "docs/img/"));
        assert_eq!(prefixes(&trail), ["b:docs/img/", "c:"]);
        for number in 0..50 {
            trail.turned_to(spot("b", &format!("{number}/")));
        }
        assert_eq!(prefixes(&trail).len(), MOST);
        trail.used(spot("b", "2026/11/"));
        assert_eq!(trail.of("d").len(), MOST + 1);
        assert!(trail.of("e").is_empty());
        trail.forget("d");
        assert!(trail.of("d").is_empty());
    }

    #[test]
    fn where_uploads_went_before_is_a_place_to_go_back_to() {
        let mut trail = Trail::default();
        trail.stands(Some(spot("b", "docs/")));
        trail.stands(Some(spot("b", "docs/")));
        assert!(prefixes(&trail).is_empty());
        trail.stands(Some(spot("c", "")));
        trail.stands(None);
        trail.stands(Some(spot("b", "docs/")));
        assert_eq!(prefixes(&trail), ["c:", "b:docs/"]);
    }
}
