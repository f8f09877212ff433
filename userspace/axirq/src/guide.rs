// SPDX-License-Identifier: MIT OR Apache-2.0
//! From "what is a future" to a driver for your own IP core, for those who come from PYNQ.
//!
#![doc = include_str!("../guide/guide.md")]

/// What a future, a task and an event loop are.
///
#[doc = include_str!("../guide/fundamentals.md")]
#[doc = "```no_run"]
#[doc = include_str!("../examples/wake_up.rs")]
#[doc = "```"]
pub mod fundamentals {}

/// Buttons and switches that are awaited.
///
#[doc = include_str!("../guide/gpio.md")]
pub mod gpio {}

/// A processor in the fabric that is talked to.
///
#[doc = include_str!("../guide/microblaze.md")]
pub mod microblaze {}

/// Bytes from memory to a stream of the fabric, and back.
///
#[doc = include_str!("../guide/dma.md")]
pub mod dma {}

/// Frames from a camera, and to a display.
///
#[doc = include_str!("../guide/video.md")]
#[cfg_attr(feature = "video", doc = "```no_run")]
#[cfg_attr(feature = "video", doc = include_str!("../examples/video_pipeline.rs"))]
#[cfg_attr(feature = "video", doc = "```")]
pub mod video {}

/// A driver whose interrupt the loaded overlay may not have.
///
#[doc = include_str!("../guide/optional.md")]
pub mod optional {}

/// Each waiting function twice, and who runs the event loop.
///
#[doc = include_str!("../guide/twins.md")]
#[doc = "```no_run"]
#[doc = include_str!("../examples/driver_class.rs")]
#[doc = "```"]
pub mod twins {}

/// What every driver is built on.
///
#[doc = include_str!("../guide/wait_and_clear.md")]
#[doc = "```no_run"]
#[doc = include_str!("../examples/wait_and_clear.rs")]
#[doc = "```"]
pub mod wait_and_clear {}

/// A driver for your own IP core, from the device tree to the udev rule.
///
#[doc = include_str!("../guide/your_own_ip.md")]
pub mod your_own_ip {}

/// What is called how.
///
#[doc = include_str!("../guide/from_pynq.md")]
pub mod from_pynq {}
