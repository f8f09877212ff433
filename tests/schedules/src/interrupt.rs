// SPDX-License-Identifier: MIT OR Apache-2.0
//! The crate's files, and [`Core`] as there. They are formatted where they are.

#[expect(
    dead_code,
    reason = "nobody here has a deadline, or an event loop of his own"
)]
#[rustfmt::skip]
#[path = "../../../userspace/axirq/src/interrupt/blocking.rs"]
mod blocking;
#[rustfmt::skip]
#[path = "../../../userspace/axirq/src/interrupt/event.rs"]
mod event;
#[rustfmt::skip]
#[path = "../../../userspace/axirq/src/interrupt/future.rs"]
mod future;
mod reactor;
#[rustfmt::skip]
#[path = "../../../userspace/axirq/src/interrupt/shared.rs"]
mod shared;
#[rustfmt::skip]
#[path = "../../../userspace/axirq/src/interrupt/stream.rs"]
mod stream;
#[rustfmt::skip]
#[path = "../../../userspace/axirq/src/interrupt/waiters.rs"]
mod waiters;

use std::sync::Arc;

pub use event::Event;
pub use stream::Events;

use crate::Result;
use crate::uapi::Line;
use crate::uapi::LineFile;
use blocking::Started;
use reactor::Reactor;
use shared::Shared;

/// As the crate's, on the kernel of this model.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<Core<LineFile>>);

#[derive(Debug)]
struct Core<L: Line> {
    reactor: Reactor,
    shared: Arc<Shared<L>>,
}

impl Interrupt {
    pub fn open(file: LineFile) -> Self {
        let shared = Arc::new(Shared::new(file));
        let reactor = Reactor::new(&shared);
        Self(Arc::new(Core { reactor, shared }))
    }

    pub fn file(&self) -> &LineFile {
        &self.0.shared.line
    }

    pub async fn wait(&self) -> Result<Event> {
        future::Wait::new(&self.0).await
    }

    pub fn events(&self) -> Events<'_> {
        Events::new(&self.0)
    }

    pub fn blocking_wait(&self) -> Result<Event> {
        match blocking::start(&self.0.shared, None)? {
            Started::Event(event) => Ok(event),
            Started::Armed(armed) => Ok(armed.sleep(None)?.expect("no deadline")),
            Started::TimedOut => unreachable!("no deadline"),
        }
    }

    /// Begins a wait, and ends it with no event.
    pub fn arm_and_leave(&self) {
        let started = blocking::start(&self.0.shared, None).unwrap();
        assert!(matches!(started, Started::Armed(_)), "an event for nobody");
    }

    /// What is not the crate's: the interrupt's source, and tokio's driver, which tells of readiness. Until the file is
    /// closed.
    pub fn serve(&self) {
        self.file().serve(|| self.0.reactor.set_ready());
    }
}
