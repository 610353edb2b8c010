//! The memory of what sources said: bounded, and one request for many who want the same.
//!
//! A document is kept twice as long as it can be: as it is used, and packed as it came, for when the first has gone. A
//! front-end project of nine hundred packages reads its documents once to resolve and once more to download; packed,
//! they all fit.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Connection,
    documents::{Answer, Packed, Wanted},
};
use crate::recent::{Bounds, Recent};

/// Documents as they are used. What a format reads out of one and keeps with it is not counted: it is never more than
/// the document itself.
const OPEN: Bounds = Bounds { bytes: 64 << 20, entries: 20_000 };
/// Documents as they came.
const PACKED: Bounds = Bounds { bytes: 64 << 20, entries: 20_000 };
/// What an entry takes beside its document.
const ENTRY: usize = 256;

/// What was asked of whom.
pub(super) type Key = (Connection, Wanted);

/// What came of asking.
pub(super) struct Asked {
    pub(super) answer: Answer,
    /// The same, as it came.
    pub(super) packed: Option<Packed>,
}

/// Remembered answers; that there is none is an answer, too.
pub(super) struct Remembered {
    kept: Mutex<Kept>,
    /// Whoever holds the lock of one asks; what came of it is there for those who waited for the lock.
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
}

struct Kept {
    open: Recent<Key, (Instant, Answer)>,
    packed: Recent<Key, (Instant, Arc<Packed>)>,
}

type Flight = tokio::sync::Mutex<Option<Answer>>;

/// A flight that somebody is on. The last one who leaves it ends it.
struct Boarded<'a> {
    flights: &'a Mutex<HashMap<Key, Arc<Flight>>>,
    key: &'a Key,
    flight: Arc<Flight>,
}

impl Default for Remembered {
    fn default() -> Self {
        Self::new(OPEN, PACKED)
    }
}

impl Remembered {
    fn new(open: Bounds, packed: Bounds) -> Self {
        let kept = Kept { open: Recent::new(open), packed: Recent::new(packed) };
        Self { kept: Mutex::new(kept), flights: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is remembered and not older than this, or what asking gives; an error is not remembered.
    pub(super) async fn answer<E>(
        &self,
        key: &Key,
        age: Duration,
        ask: impl AsyncFnOnce() -> Result<Asked, E>,
    ) -> Result<Answer, E> {
        if let Some(answer) = self.open(key, age) {
            return Ok(answer);
        }
        let boarded = self.board(key);
        let mut landed = boarded.flight.lock().await;
        if let Some(answer) = &*landed {
            return Ok(answer.clone());
        }
        // The one before may have ended between the two looks.
        let mut remembered = self.open(key, age);
        if remembered.is_none() {
            remembered = self.unpacked(key, age).await;
        }
        let answer = if let Some(answer) = remembered {
            answer
        } else {
            // An age, not a date: it must not jump with the clock.
            let began = Instant::now();
            let Asked { answer, packed } = ask().await?;
            self.keep(key, began, &answer, packed);
            answer
        };
        *landed = Some(answer.clone());
        Ok(answer)
    }

    fn open(&self, key: &Key, age: Duration) -> Option<Answer> {
        let mut kept = self.kept();
        let (asked, answer) = kept.open.get(key)?;
        (asked.elapsed() < age).then(|| answer.clone())
    }

    async fn unpacked(&self, key: &Key, age: Duration) -> Option<Answer> {
        let (asked, packed) = self.kept().packed.get(key).cloned()?;
        if asked.elapsed() >= age {
            return None;
        }
        // It could be unpacked when it came.
        let document = packed.unpack(key.1.limit).await.ok().flatten()?;
        let answer = Some(Arc::new(document));
        self.kept().open.insert(key.clone(), (asked, answer.clone()), weight(key, &answer));
        Some(answer)
    }

    fn keep(&self, key: &Key, asked: Instant, answer: &Answer, packed: Option<Packed>) {
        let mut kept = self.kept();
        match packed {
            Some(packed) => {
                let bytes = packed.size() + key.1.link.len() + ENTRY;
                kept.packed.insert(key.clone(), (asked, Arc::new(packed)), bytes);
            }
            None => kept.packed.remove(key),
        }
        kept.open.insert(key.clone(), (asked, answer.clone()), weight(key, answer));
    }

    /// Forgets an answer; what is being asked for meanwhile does not count for those who come later.
    pub(super) fn forget(&self, key: &Key) {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        let mut kept = self.kept();
        kept.open.remove(key);
        kept.packed.remove(key);
    }

    fn board<'a>(&'a self, key: &'a Key) -> Boarded<'a> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let flight = Arc::clone(flights.entry(key.clone()).or_default());
        Boarded { flights: &self.flights, key, flight }
    }
}

fn weight(key: &Key, answer: &Answer) -> usize {
    answer.as_ref().map_or(0, |document| document.bytes.len()) + key.1.link.len() + ENTRY
}

impl Drop for Boarded<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // Its own and the table's: nobody else can board without the table's lock.
        let last = Arc::strong_count(&self.flight) == 2;
        if last && flights.get(self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            flights.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use tokio::sync::Semaphore;

    use super::*;
    use crate::external::Document;

    const AGE: Duration = Duration::from_mins(30);

    fn key(link: &str) -> Key {
        (Connection::Npmjs, Wanted { link: link.to_owned(), accept: "*/*", limit: 1 << 20 })
    }

    #[expect(clippy::unnecessary_wraps, reason = "an answer has a document or none")]
    fn document(size: usize) -> Answer {
        Some(Arc::new(Document::of_bytes(vec![b'x'; size])))
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
    }

    /// Asks for a link, and says whether the source was asked.
    async fn asks(remembered: &Remembered, link: &str, answer: &Answer, packed: Option<&[u8]>) -> bool {
        let mut asked = false;
        let got = remembered
            .answer(&key(link), AGE, async || {
                asked = true;
                let packed = packed.map(|bytes| Packed(Document::of_bytes(bytes.to_vec())));
                Ok::<_, Infallible>(Asked { answer: answer.clone(), packed })
            })
            .await
            .unwrap();
        assert_eq!(got.map(|document| document.bytes.len()), answer.as_ref().map(|document| document.bytes.len()));
        asked
    }

    const SMALL: Bounds = Bounds { bytes: 8 * (1_000 + ENTRY + 1), entries: 8 };

    fn small() -> Remembered {
        Remembered::new(SMALL, SMALL)
    }

    #[test]
    fn the_oldest_used_goes_and_absence_is_remembered() {
        run(async {
            let remembered = small();
            for link in ["0", "1", "2", "3", "4", "5", "6"] {
                assert!(asks(&remembered, link, &document(1_000), None).await);
            }
            assert!(asks(&remembered, "7", &None, None).await);
            for link in ["0", "7"] {
                assert!(!asks(&remembered, link, &if link == "7" { None } else { document(1_000) }, None).await);
            }
            // One more than there may be: room is made for more than one.
            assert!(asks(&remembered, "8", &None, None).await);
            for (link, gone) in [("1", true), ("0", false), ("6", false), ("5", false)] {
                assert_eq!(asks(&remembered, link, &document(1_000), None).await, gone, "{link}");
            }
            assert!(!asks(&remembered, "7", &None, None).await);
        });
    }

    #[test]
    fn what_has_gone_is_unpacked_again_and_not_asked_for() {
        use std::io::Write as _;
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        writer.write_all(&[b'x'; 1_000]).unwrap();
        let packed = writer.finish().unwrap();
        assert!(packed.len() < 100);
        run(async {
            let remembered = Remembered::new(SMALL, PACKED);
            for round in 0..2 {
                for link in 0..50 {
                    let asked = asks(&remembered, &link.to_string(), &document(1_000), Some(&packed)).await;
                    assert_eq!(asked, round == 0, "{link}");
                }
            }
            remembered.forget(&key("7"));
            assert!(asks(&remembered, "7", &document(1_000), Some(&packed)).await);
        });
    }

    /// Also of a document that is too large to be kept.
    #[test]
    fn many_who_wait_cause_one_request() {
        for (size, again) in [(1_000, 0), (1 << 20, 1)] {
            run(async {
                let remembered = Arc::new(small());
                let (asked, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
                let waiting: Vec<_> = (0..16)
                    .map(|_| {
                        let (remembered, asked, gate) = (remembered.clone(), asked.clone(), gate.clone());
                        tokio::spawn(async move {
                            let ask = async || {
                                asked.fetch_add(1, Ordering::SeqCst);
                                drop(gate.acquire().await);
                                Ok::<_, Infallible>(Asked { answer: document(size), packed: None })
                            };
                            remembered.answer(&key("large"), AGE, ask).await.unwrap().unwrap().bytes.len()
                        })
                    })
                    .collect();
                // All of them are on the way before the source answers.
                while remembered.flights.lock().unwrap().get(&key("large")).map_or(0, Arc::strong_count) < 17 {
                    tokio::task::yield_now().await;
                }
                gate.add_permits(1);
                for waiting in waiting {
                    assert_eq!(waiting.await.unwrap(), size);
                }
                assert_eq!(asked.load(Ordering::SeqCst), 1);
                assert!(remembered.flights.lock().unwrap().is_empty());
                let asks_again = asks(&remembered, "large", &document(size), None).await;
                assert_eq!(usize::from(asks_again), again, "{size} bytes");
            });
        }
    }

    #[test]
    fn an_error_is_for_whoever_asked() {
        run(async {
            let remembered = small();
            let failed = remembered.answer(&key("1"), AGE, async || Err::<Asked, _>("down")).await;
            assert_eq!(failed.unwrap_err(), "down");
            assert!(remembered.flights.lock().unwrap().is_empty());
            assert!(asks(&remembered, "1", &document(1), None).await);
            // Too old.
            let again = remembered.answer(&key("1"), Duration::ZERO, async || Err::<Asked, _>("asked")).await;
            assert_eq!(again.unwrap_err(), "asked");
        });
    }
}
