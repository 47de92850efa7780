//! A rate with a burst, kept as one point in time.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// A bucket of N units that refills at N a minute, by the generic cell rate algorithm.
///
/// `full_at` is when the bucket will be full again: a minute ahead when it is empty, in the past when it is full. It
/// may lie further ahead than a minute: then more was used than the bucket held, and the excess is owed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    full_at: Option<Instant>,
}

/// A bucket refills from empty to full in this time, whatever its size.
const MINUTE: Duration = Duration::from_mins(1);

impl Rate {
    /// A bucket that is full again at `full_at`; full where that is unknown or past.
    pub fn full_at(full_at: Option<Instant>) -> Self {
        Self { full_at }
    }

    /// How long until `units` are there; zero when they are now.
    pub fn wait_for(&self, units: u64, size: NonZeroU32, now: Instant) -> Duration {
        let after = self.full_at.map_or(now, |at| at.max(now)) + time_of(units, size);
        after.saturating_duration_since(now).saturating_sub(MINUTE)
    }

    /// Takes `units`, whether or not they are there.
    pub fn take(&mut self, units: u64, size: NonZeroU32, now: Instant) {
        let from = self.full_at.map_or(now, |at| at.max(now));
        self.full_at = Some(from + time_of(units, size));
    }

    /// Gives `units` back.
    pub fn give_back(&mut self, units: u64, size: NonZeroU32) {
        if let Some(at) = &mut self.full_at {
            *at = at.checked_sub(time_of(units, size)).unwrap_or(*at);
        }
    }

    /// Units that are there now.
    pub fn held(&self, size: NonZeroU32, now: Instant) -> u64 {
        let missing = self.full_in(now);
        let held = u128::from(size.get()) * MINUTE.saturating_sub(missing).as_nanos();
        u64::try_from(held / MINUTE.as_nanos()).unwrap_or(u64::MAX)
    }

    /// How long until the bucket is full.
    pub fn full_in(&self, now: Instant) -> Duration {
        self.full_at
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }
}

/// The time in which `units` flow into a bucket of `size`, rounded up to the nanosecond; at most a year.
fn time_of(units: u64, size: NonZeroU32) -> Duration {
    let nanos = (u128::from(units) * MINUTE.as_nanos()).div_ceil(u128::from(size.get()));
    let year = Duration::from_hours(24 * 365);
    u64::try_from(nanos).map_or(year, |nanos| Duration::from_nanos(nanos).min(year))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEN: NonZeroU32 = NonZeroU32::new(10).expect("not zero");

    #[test]
    fn a_bucket_of_ten_gives_ten_at_once_and_then_one_every_six_seconds() {
        let now = Instant::now();
        let mut rate = Rate::default();
        for _ in 0..10 {
            assert_eq!(rate.wait_for(1, TEN, now), Duration::ZERO);
            rate.take(1, TEN, now);
        }
        assert_eq!(rate.wait_for(1, TEN, now), Duration::from_secs(6));
        assert_eq!(rate.wait_for(2, TEN, now), Duration::from_secs(12));
        let later = now + Duration::from_secs(6);
        assert_eq!(rate.wait_for(1, TEN, later), Duration::ZERO);
        assert_eq!(rate.held(TEN, later), 1);
    }

    proptest! {
        /// In any window, what is let in is at most the bucket and what flowed in meanwhile.
        #[test]
        fn no_window_lets_in_more_than_the_bucket_and_its_refill(
            size in 1_u32..1_000,
            steps in prop::collection::vec((0_u64..5_000, 1_u64..50), 1..200),
        ) {
            let size = NonZeroU32::new(size).expect("from 1");
            let begin = Instant::now();
            let (mut now, mut rate, mut taken) = (begin, Rate::default(), 0_u128);
            for (wait_ms, units) in steps {
                now += Duration::from_millis(wait_ms);
                if rate.wait_for(units, size, now).is_zero() {
                    rate.take(units, size, now);
                    taken += u128::from(units);
                }
                let flowed = u128::from(size.get()) * (now - begin).as_nanos() / MINUTE.as_nanos();
                prop_assert!(taken <= u128::from(size.get()) + flowed);
            }
        }

        #[test]
        fn what_is_given_back_can_be_taken_again(units in 1_u64..10) {
            let now = Instant::now();
            let mut rate = Rate::default();
            rate.take(10, TEN, now);
            rate.give_back(units, TEN);
            prop_assert!(rate.wait_for(units, TEN, now).is_zero());
            prop_assert!(!rate.wait_for(units + 1, TEN, now).is_zero());
        }
    }
}
