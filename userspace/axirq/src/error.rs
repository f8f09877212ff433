// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Error`]: what was tried, on what, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// What every fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, on which pin, cell or file, and the cure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no name of a pin or cell.
    #[error("`{name}` is not a name: {reason}; write it as `cell/pin`, for example `axi_gpio_0/ip2intc_irpt`")]
    BadName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No pin of this name exists; others do.
    #[error("no pin `{pin}`{}; `axirq list` shows all", did_you_mean(nearest))]
    NoSuchPin {
        /// What was asked for.
        pin: String,
        /// The most similar names there are, best first.
        nearest: Vec<String>,
    },
    /// No cell of this name has a register window.
    #[error(
        "no cell `{cell}` with a register window{}; `axirq list` shows all",
        did_you_mean(nearest)
    )]
    NoSuchCell {
        /// What was asked for.
        cell: String,
        /// The most similar names there are, best first.
        nearest: Vec<String>,
    },
    /// The kernel module is not loaded.
    #[error("the kernel module axirq is not loaded: run `modprobe axirq` (or `insmod axirq.ko`)")]
    ModuleNotLoaded,
    /// The module is loaded, but knows no cell.
    #[error(
        "the module axirq is loaded, but no cell is bound: load the design's device-tree overlay, or bind its nodes \
         (module parameter `of_id=`, or `driver_override`)"
    )]
    NoOverlay,
    /// The kernel knows the pin or window, but its device file is missing.
    #[error(
        "`{}` does not exist although the kernel lists it: its device is just coming or going, or else /dev is no devtmpfs",
        path.display()
    )]
    NoDeviceFile {
        /// The file that should be there.
        path: PathBuf,
    },
    /// The caller may not open the file.
    #[error(
        "no permission to open `{}`: have a udev rule hand it to a group you are in, or run as root",
        path.display()
    )]
    PermissionDenied {
        /// The file.
        path: PathBuf,
    },
    /// A kernel driver holds the line.
    #[error("`{pin}` is held by {}: unbind that driver first", holder.as_deref().unwrap_or("a kernel driver"))]
    Busy {
        /// The pin.
        pin: String,
        /// Its name in `/proc/interrupts`, if that tells.
        holder: Option<String>,
    },
    /// The device has left: its overlay was removed or its driver unbound.
    #[error(
        "`{name}` is gone (overlay removed or driver unbound): drop this handle, and open it again once it is back"
    )]
    Gone {
        /// The pin or window.
        name: String,
    },
    /// The file is no interrupt line of axirq.
    #[error(
        "`{name}` is not an interrupt line of axirq; lines are the files /dev/axirq/<cell>/<pin>, register windows are not"
    )]
    NotALine {
        /// The file.
        name: String,
    },
    /// The module speaks another version of the status page.
    #[error(
        "`{name}` has a status page of version {found}, this library knows version {known}: update the older of module and library"
    )]
    PageVersion {
        /// The pin.
        name: String,
        /// The version found.
        found: u32,
        /// The version known.
        known: u32,
    },
    /// Only edge-triggered lines can stay enabled between events.
    #[error("`{pin}` is level-triggered and cannot be used continuously: wait for one event at a time")]
    LevelContinuous {
        /// The pin.
        pin: String,
    },
    /// An async method was polled outside of a tokio runtime.
    #[error("waiting for `{pin}` needs a tokio runtime: poll the future inside one, or use the `blocking_` twin")]
    NoRuntime {
        /// The pin.
        pin: String,
    },
    /// An async method was polled in a tokio runtime that does no I/O.
    #[error(
        "waiting for `{pin}` needs a tokio runtime with I/O: build it with `enable_io` or `enable_all`, or use the \
         `blocking_` twin"
    )]
    RuntimeWithoutIo {
        /// The pin.
        pin: String,
    },
    /// The tokio runtime in which the first wait ran has shut down.
    #[error("the tokio runtime that `{pin}` was first awaited in has shut down: open the pin again in the new one")]
    RuntimeGone {
        /// The pin.
        pin: String,
    },
    /// The cell has no interrupt to wait for.
    #[error(
        "`{cell}` has no interrupt pin `{pin}`, so there is nothing to wait for: enable and connect it in the block design"
    )]
    NoInterrupt {
        /// The cell.
        cell: String,
        /// The pin that was looked for.
        pin: &'static str,
    },
    /// The cell has no such channel.
    #[error("`{cell}` has no channel {channel}: it has {}", if *channels == 1 { "channel 1 only" } else { "channels 1 and 2" })]
    NoSuchChannel {
        /// The cell.
        cell: String,
        /// What was asked for.
        channel: u32,
        /// How many there are.
        channels: u32,
    },
    /// The channel has no such wire.
    #[error("channel {channel} of `{cell}`: there is no wire {wire} here, they are 0 to {}", width.saturating_sub(1))]
    NoSuchWire {
        /// The cell.
        cell: String,
        /// The channel.
        channel: u32,
        /// What was asked for.
        wire: u32,
        /// How many there are.
        width: u32,
    },
    /// The range names no wire at all.
    #[error("the range names no wire of channel {channel} of `{cell}`: write it as `..`, `0..4` or `2..=2`")]
    NoWires {
        /// The cell.
        cell: String,
        /// The channel.
        channel: u32,
    },
    /// The value has more bits than there are wires.
    #[error("{value:#b} does not fit {width} wire(s) of channel {channel} of `{cell}`: the first of them is bit 0")]
    ValueTooWide {
        /// The cell.
        cell: String,
        /// The channel.
        channel: u32,
        /// What was given.
        value: u32,
        /// How many wires there are.
        width: u32,
    },
    /// The wire is in use in another direction.
    #[error("wire {wire} of channel {channel} of `{cell}` is in use as {direction}: drop that handle first")]
    WireInUse {
        /// The cell.
        cell: String,
        /// The channel.
        channel: u32,
        /// The wire.
        wire: u32,
        /// As what it is in use: `input`, `output`, `tri-state wire`.
        direction: &'static str,
    },
    /// The wire is driven by this GPIO, so that nobody else can change it.
    #[error(
        "wire {wire} of channel {channel} of `{cell}` is driven, and makes no interrupts: release it before waiting"
    )]
    Driven {
        /// The cell.
        cell: String,
        /// The channel.
        channel: u32,
        /// The wire.
        wire: u32,
    },
    /// The channel's direction was fixed when the design was made.
    #[error("channel {channel} of `{cell}` is {} only by design", if *inputs { "input" } else { "output" })]
    FixedDirection {
        /// The cell.
        cell: String,
        /// The channel.
        channel: u32,
        /// All its wires are inputs (else outputs).
        inputs: bool,
    },
    /// This process has the cell open already, and it has one owner.
    #[error("`{cell}` is open already in this process, and has one owner: drop that handle first")]
    InUse {
        /// The cell.
        cell: String,
    },
    /// The device tree does not say what clock the timer counts by.
    #[error(
        "the clock of `{cell}` is not known: add `clock-frequency` to its device-tree node, or call `set_clock_hz`"
    )]
    NoClock {
        /// The cell.
        cell: String,
    },
    /// The timer cannot count such a time.
    #[error("`{cell}` cannot count {period:?}: it counts {shortest:?} to {longest:?}")]
    BadPeriod {
        /// The cell.
        cell: String,
        /// What was asked for.
        period: Duration,
        /// The shortest possible.
        shortest: Duration,
        /// The longest possible.
        longest: Duration,
    },
    /// The timer does not run, so it would never tick.
    #[error("`{cell}` does not tick: start it with `start_periodic` or `start_once`, which ticks once")]
    NotStarted {
        /// The cell.
        cell: String,
    },
    /// A status bit is set again each time it is cleared.
    #[error(
        "{register} of `{cell}` does not clear: the bus answers nonsense (is the design loaded, its clock running?) or \
         a wire changes faster than it can be acknowledged"
    )]
    StuckStatus {
        /// The cell.
        cell: String,
        /// The register.
        register: &'static str,
    },
    /// The register window is smaller than the registers of the cell.
    #[error("`{window}` is {size:#x} bytes long, its registers take {needed:#x}: correct `reg` in the device tree")]
    WindowTooSmall {
        /// The window.
        window: String,
        /// Its size in bytes.
        size: usize,
        /// What is needed.
        needed: usize,
    },
    /// The offset lies outside of the register window.
    #[error("offset {offset:#x} is outside of `{window}`, which is {size:#x} bytes long")]
    OutOfBounds {
        /// The window.
        window: String,
        /// The offset in bytes.
        offset: usize,
        /// The window's size in bytes.
        size: usize,
    },
    /// The offset is not that of a 32-bit register.
    #[error("offset {offset:#x} of `{window}` is not a multiple of 4: registers are 32 bits wide")]
    Misaligned {
        /// The window.
        window: String,
        /// The offset in bytes.
        offset: usize,
    },
    /// The steps do not stop a core.
    #[error(
        "`{window}`: these are no steps to stop the core by: 1 to 4 of them, each with the bits that are waited for inside of \
         its mask"
    )]
    BadStep {
        /// The window.
        window: String,
    },
    /// Another file has lent memory to the core.
    #[error("memory is lent to the core behind `{window}` already, by this or another process: one at a time can")]
    Lent {
        /// The window.
        window: String,
    },
    /// The kernel has not so much memory in one piece that the core reaches.
    #[error(
        "no {size} bytes in one piece for the core behind `{window}`: ask for less, or reserve more for the kernel \
         (`cma=256M` on its command line; `CmaFree` in /proc/meminfo tells what is left)"
    )]
    NoMemory {
        /// The window.
        window: String,
        /// How much was asked for, in bytes.
        size: usize,
    },
    /// The core was made with scatter-gather, which is not supported.
    #[error(
        "`{cell}` is made with scatter-gather, which axirq does not drive: untick \"Enable Scatter Gather Engine\" in the \
         block design"
    )]
    ScatterGather {
        /// The cell.
        cell: String,
    },
    /// The core was made without this channel.
    #[error("`{cell}` has no {channel} channel: enable it in the block design")]
    NoDmaChannel {
        /// The cell.
        cell: String,
        /// `send` (MM2S) or `receive` (S2MM).
        channel: &'static str,
    },
    /// Somebody has this channel.
    #[error("the {channel} channel of `{cell}` is in use already: drop that handle first")]
    ChannelInUse {
        /// The cell.
        cell: String,
        /// `send` (MM2S) or `receive` (S2MM).
        channel: &'static str,
    },
    /// A transfer was started that nobody has waited for.
    #[error("the {channel} channel of `{cell}` has a transfer already: wait for it, or reset the core, then wait")]
    TransferRuns {
        /// The cell.
        cell: String,
        /// `send` (MM2S) or `receive` (S2MM).
        channel: &'static str,
    },
    /// No transfer was started.
    #[error("the {channel} channel of `{cell}` has no transfer to wait for: start one first")]
    NoTransfer {
        /// The cell.
        cell: String,
        /// `send` (MM2S) or `receive` (S2MM).
        channel: &'static str,
    },
    /// The memory was allocated for another core.
    #[error("the buffer is not memory of `{cell}`: take one that its own `allocate` returned")]
    ForeignBuffer {
        /// The cell.
        cell: String,
    },
    /// There is nothing to transfer.
    #[error("a transfer of 0 bytes: `{cell}` moves at least 1")]
    EmptyTransfer {
        /// The cell.
        cell: String,
    },
    /// The range is not one of the buffer.
    #[error("bytes {start} to {end} are not inside of the buffer for `{cell}`, which has {size}")]
    OutsideBuffer {
        /// The cell.
        cell: String,
        /// Where the range begins.
        start: usize,
        /// Where it ends.
        end: usize,
        /// The buffer's size in bytes.
        size: usize,
    },
    /// The core cannot count so many bytes.
    #[error(
        "`{cell}` moves {longest} bytes at once, not {bytes}: take several transfers, or make its \"Width of Buffer Length \
         Register\" larger in the block design"
    )]
    TransferTooLong {
        /// The cell.
        cell: String,
        /// What was asked for.
        bytes: usize,
        /// The longest possible.
        longest: usize,
    },
    /// The core does not begin at such an address.
    #[error(
        "`{cell}` does not begin at {address:#x}: begin at a multiple of {alignment}, or enable \"Allow Unaligned \
         Transfers\" in the block design"
    )]
    UnalignedTransfer {
        /// The cell.
        cell: String,
        /// The address on its bus.
        address: u64,
        /// What it is to be a multiple of.
        alignment: u64,
    },
    /// The core's data mover has failed (DMAIntErr).
    #[error(
        "the data mover of `{cell}` has failed while sending (DMAIntErr); the core was reset: do the properties of its \
         device-tree node fit the design?"
    )]
    DmaInternal {
        /// The cell.
        cell: String,
    },
    /// The packet goes on beyond what was to be filled (DMAIntErr).
    #[error(
        "`{cell}` was given {bytes} bytes to receive into, and the packet is longer (DMAIntErr); the core was reset: \
         receive into more, or end the packets (TLAST) earlier"
    )]
    PacketTooLong {
        /// The cell.
        cell: String,
        /// What there was to be filled.
        bytes: usize,
    },
    /// What answered at the address has refused (DMASlvErr).
    #[error(
        "memory refused an access of the {channel} channel of `{cell}` (DMASlvErr); the core was reset: is a firewall or \
         protection unit (XMPU, XPPU) in its way?"
    )]
    DmaSlave {
        /// The cell.
        cell: String,
        /// `send` (MM2S) or `receive` (S2MM).
        channel: &'static str,
    },
    /// Nothing answers at the address (DMADecErr).
    #[error(
        "nothing answers the {channel} channel of `{cell}` at the buffer's address (DMADecErr); the core was reset: assign \
         all of the memory to it in the address editor, or say what it reaches (`dma-ranges`, `xlnx,addrwidth`)"
    )]
    DmaDecode {
        /// The cell.
        cell: String,
        /// `send` (MM2S) or `receive` (S2MM).
        channel: &'static str,
    },
    /// The core was reset before the transfer was complete.
    #[error(
        "the transfer on the {channel} channel of `{cell}` was ended by a reset of the core, which an error on its other \
         channel takes, too: start it again"
    )]
    TransferReset {
        /// The cell.
        cell: String,
        /// `send` (MM2S) or `receive` (S2MM).
        channel: &'static str,
    },
    /// Frames cannot be like this.
    #[error("frames of {mode} are not possible: {reason}")]
    BadMode {
        /// What was asked for.
        mode: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Lines cannot begin so many bytes from each other.
    #[error(
        "a stride of {stride} bytes is not a multiple of {beat}, and `{cell}` has no data realignment engine: leave \
         `with_stride` out, or include one in the block design"
    )]
    BadStride {
        /// The cell.
        cell: String,
        /// What was asked for.
        stride: u32,
        /// What it has to be a multiple of.
        beat: u32,
    },
    /// The core has too few frame stores.
    #[error("`{cell}` has {stores} frame store(s), and {needed} are needed: set Frame Buffers in the block design")]
    TooFewStores {
        /// The cell.
        cell: String,
        /// How many there are.
        stores: u32,
        /// How many it takes.
        needed: usize,
    },
    /// The core cannot count frames, so there are no interrupts for them.
    #[error("`{cell}` has no frame counter, so it cannot tell of frames: set C_ENABLE_DEBUG_INFO_6, 7, 14 and 15 to 1")]
    NoFrameCounter {
        /// The cell.
        cell: String,
    },
    /// The channel was not started, or an error has stopped it.
    #[error("the {channel} of `{cell}` moves no frames: `start` it")]
    VideoStopped {
        /// The cell.
        cell: String,
        /// `input` or `output`.
        channel: &'static str,
    },
    /// The channel has halted by itself. It is stopped now.
    #[cfg(feature = "video")]
    #[error("the {channel} of `{cell}` has halted, for {fault}: `start` it anew")]
    VideoHalted {
        /// The cell.
        cell: String,
        /// `input` or `output`.
        channel: &'static str,
        /// Why.
        fault: crate::video::Fault,
    },
    /// What the stream carries is not what the input was started with.
    #[error("the frames that come to `{cell}` are not of {mode}: {faults}; `start` it with the mode of its source")]
    FrameMismatch {
        /// The cell.
        cell: String,
        /// What it was started with.
        mode: String,
        /// What the stream was seen to do since then.
        faults: String,
    },
    /// All memory of the input is held as frames, so that the next one has no place.
    #[error(
        "{held} frames of `{cell}` are held, and there is no memory for more: drop some, or let there be more with \
         `set_spares`"
    )]
    FramesHeld {
        /// The cell.
        cell: String,
        /// How many can be.
        held: usize,
    },
    /// The output cannot show this frame.
    #[error("`{cell}` cannot show this frame: {reason}")]
    WrongFrame {
        /// The cell.
        cell: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The bytes are nothing that a MicroBlaze could run.
    #[error("`{program}` is no program for a MicroBlaze: {reason}")]
    BadProgram {
        /// The program.
        program: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The program's file ends before what its headers speak of.
    #[error("`{program}` is cut off: its headers speak of more than its {size} bytes; copy or build it again")]
    TruncatedProgram {
        /// The program.
        program: String,
        /// Its size in bytes.
        size: usize,
    },
    /// The program is an ELF for another processor.
    #[error("`{program}` is made for {made_for}: build it for a MicroBlaze, with `-mlittle-endian`")]
    ForeignProgram {
        /// The program.
        program: String,
        /// For what.
        made_for: String,
    },
    /// The program does not fit the memory.
    #[error("`{program}` takes {size:#x} bytes of memory, and there are {room:#x}")]
    ProgramTooLarge {
        /// The program.
        program: String,
        /// Its size in bytes.
        size: usize,
        /// The memory's.
        room: usize,
    },
    /// A part of the program belongs where there is no memory.
    #[error(
        "`{program}` has a segment of {size:#x} bytes at {address:#x}, outside of the memory's {room:#x}: link it to \
         begin at 0"
    )]
    SegmentOutside {
        /// The program.
        program: String,
        /// Where the segment belongs.
        address: u32,
        /// Its size in bytes.
        size: u32,
        /// The memory's.
        room: usize,
    },
    /// Two parts of the program belong to the same place.
    #[error("`{program}` has segments that overlap, at {first:#x} and {second:#x}: correct its linker script")]
    SegmentsOverlap {
        /// The program.
        program: String,
        /// Where one of them begins.
        first: u32,
        /// Where the other begins.
        second: u32,
    },
    /// The MicroBlaze runs a program, and was not told to give it up.
    #[error("`{cell}` runs `{program}`: call `reset` first, or `replace` it")]
    ProgramRuns {
        /// The cell.
        cell: String,
        /// What it runs.
        program: String,
    },
    /// The MicroBlaze runs no program that could answer.
    #[error("`{cell}` is held in reset, and answers nobody: `run` a program first")]
    NoProgram {
        /// The cell.
        cell: String,
    },
    /// The program did not answer in time.
    #[error(
        "`{cell}` has not answered for {waited:?}: is its program one for this mailbox? `reset` and `run` start it anew"
    )]
    NoAnswer {
        /// The cell.
        cell: String,
        /// How long it had.
        waited: Duration,
    },
    /// The program could not carry out a command.
    #[error(
        "the program on `{cell}` refused command {command:#x}: is it one of its own? PYNQ's have ended by that; \
         `replace` starts them anew"
    )]
    CommandRefused {
        /// The cell.
        cell: String,
        /// The command.
        command: u32,
    },
    /// No mailbox or ring can take this.
    #[error("`{cell}` cannot be asked that: {reason}")]
    BadRequest {
        /// The cell.
        cell: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A word of the shared memory was never twice the same.
    #[error("the word at {offset:#x} of `{cell}` is another at each look: does its program write it without a pause?")]
    Unsettled {
        /// The cell.
        cell: String,
        /// The offset in bytes.
        offset: usize,
    },
    /// An index of a ring points outside of it.
    #[error(
        "{index:#x} is no index of the ring `{ring}` of `{cell}`: the program writes over it, or is none for streams"
    )]
    BrokenRing {
        /// The cell.
        cell: String,
        /// The ring.
        ring: &'static str,
        /// What was found.
        index: u32,
    },
    /// An async method with a timeout was polled in a tokio runtime that has no clock.
    #[error(
        "waiting for `{cell}` needs a tokio runtime with a clock: build it with `enable_time` or `enable_all`, or use the \
         `blocking_` twin"
    )]
    RuntimeWithoutTime {
        /// The cell.
        cell: String,
    },
    /// The kernel has no such GPIO line.
    #[error("no GPIO line `{line}`: `gpioinfo` shows all, `gpio-line-names` in the device tree names them")]
    NoGpioLine {
        /// The line.
        line: String,
    },
    /// The GPIO line is in use.
    #[error("the GPIO line `{line}` is in use, by `{consumer}`: end that program, or unbind that driver")]
    GpioLineInUse {
        /// The line.
        line: String,
        /// As what its user calls itself.
        consumer: String,
    },
    /// The text is no name of an overlay.
    #[error("`{}` is no name for an overlay: {reason}; a plain word is one", name.escape_debug())]
    BadOverlayName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The file or bytes are no overlay.
    #[error("`{name}` is no device-tree overlay: {reason}; compile its source with `dtc -@ -I dts -O dtb`")]
    BadOverlay {
        /// The file, if it is one.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The overlay refers to labels that the live device tree does not have.
    #[error(
        "`{overlay}` refers to {}, which the base device tree does not have: {}",
        quoted(labels, " and "),
        if *has_labels { "is it the overlay of another board?" } else { "compile the base tree with `dtc -@` to give it labels" }
    )]
    MissingLabels {
        /// The overlay's file, if it is one.
        overlay: String,
        /// The labels.
        labels: Vec<String>,
        /// Whether the live tree has labels at all.
        has_labels: bool,
    },
    /// The kernel has no configfs.
    #[error(
        "this kernel has no configfs, which overlays need: run `modprobe configfs`, or build it with CONFIG_CONFIGFS_FS"
    )]
    NoConfigfs,
    /// configfs is not mounted.
    #[error("configfs is not mounted: run `mount -t configfs none {}` as root", path.display())]
    ConfigfsNotMounted {
        /// Where it belongs.
        path: PathBuf,
    },
    /// The kernel cannot apply overlays from user space.
    #[error(
        "this kernel takes no overlays from user space (no `{}`): run `modprobe axirq_overlay`, the module that comes \
         with axirq (the kernel needs CONFIG_OF_OVERLAY)",
        path.display()
    )]
    NoOverlayInterface {
        /// The folder that should be there.
        path: PathBuf,
    },
    /// There is an overlay of this name.
    #[error(
        "there is an overlay `{name}` already{}: remove it first (`axirq overlay remove {name}`), or take another name",
        if *applied { "" } else { ", not applied" }
    )]
    OverlayExists {
        /// The name.
        name: String,
        /// Whether it is in force.
        applied: bool,
    },
    /// There is no overlay of this name.
    #[error("no overlay `{name}`{}; `axirq overlay list` shows all", did_you_mean(nearest))]
    NoSuchOverlay {
        /// What was asked for.
        name: String,
        /// The most similar names there are, best first.
        nearest: Vec<String>,
    },
    /// The kernel did not apply the overlay.
    #[error("the kernel refuses overlay `{name}`: `dmesg` says why, in lines with `OF:` and `axirq`")]
    OverlayRefused {
        /// The overlay.
        name: String,
    },
    /// An overlay that was loaded later lies on top.
    #[error("overlay `{name}` lies below `{by}`, which was loaded after it: remove `{by}` first")]
    OverlayCovered {
        /// The overlay.
        name: String,
        /// The one on top.
        by: String,
    },
    /// The overlay's name is gone, but its nodes are not.
    #[error("overlay `{name}` lies below another one and stays in force without a name: only a reboot removes it")]
    OverlayStuck {
        /// The overlay.
        name: String,
    },
    /// A bitstream is not where the kernel looks for it.
    #[error("no bitstream `{file}`: {reason}; copy it to /lib/firmware, and name it relative to that")]
    NoFirmware {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No FPGA manager takes a bitstream from user space.
    #[error(
        "{}: name the bitstream in the overlay instead (`firmware-name`, with an FPGA region as target), or load it before \
         the kernel boots",
        if *any { "the FPGA manager of this kernel takes no bitstream from user space, as the vendor's does" }
        else { "this kernel shows no FPGA manager" }
    )]
    NoFpgaManager {
        /// Whether there is one at all.
        any: bool,
    },
    /// The whole design was to be replaced under cells that are bound.
    #[error(
        "a new bitstream would pull {} from under the kernel: remove their overlay first",
        quoted(cells, ", ")
    )]
    FabricInUse {
        /// The cells.
        cells: Vec<String>,
    },
    /// The FPGA manager did not program the fabric.
    #[error(
        "the FPGA manager did not take `{file}` (state `{state}`): is it made for this chip, as .bit.bin? `dmesg` says more"
    )]
    NotProgrammed {
        /// The bitstream.
        file: String,
        /// The manager's state.
        state: String,
    },
    /// What was waited for did not come.
    #[error(
        "waited in vain for {}: `axirq doctor` and `dmesg | grep axirq` say what keeps it away",
        quoted(missing, ", ")
    )]
    NotThere {
        /// Names of cells and pins, or paths of nodes.
        missing: Vec<String>,
    },
    /// No platform device has this name.
    #[error(
        "no device-tree node `{name}` that is a device{}; name it by label, path or node name",
        did_you_mean(nearest)
    )]
    NoSuchDevice {
        /// What was asked for.
        name: String,
        /// The most similar names there are, best first.
        nearest: Vec<String>,
    },
    /// Several platform devices have this name.
    #[error("`{name}` is the name of several nodes: take one of {}", quoted(nodes, ", "))]
    AmbiguousDevice {
        /// What was asked for.
        name: String,
        /// Their paths.
        nodes: Vec<String>,
    },
    /// Another driver has the device.
    #[error("`{device}` is bound to driver `{driver}`: run `axirq unbind {device}` first")]
    Bound {
        /// The device.
        device: String,
        /// The driver.
        driver: String,
    },
    /// The driver refused the device.
    #[error("axirq does not take `{device}`: `dmesg | grep axirq` says what its node lacks")]
    NotBound {
        /// The device.
        device: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Only root may change this.
    #[error("no permission to change `{}`: run this as root", path.display())]
    NotRoot {
        /// The file or folder.
        path: PathBuf,
    },
    /// The kernel reported something this library does not understand.
    #[error("`{}` says `{value}`: module and library do not fit each other; update the older one", path.display())]
    Attribute {
        /// The file under `/sys`.
        path: PathBuf,
        /// Its contents.
        value: String,
    },
    /// The process or the system can open no more files.
    #[error(
        "no file descriptor left for `{name}`: close files that are no longer needed, or raise the limit (`ulimit -n`)"
    )]
    NoDescriptor {
        /// What was to be opened.
        name: String,
        /// Whose limit it is: `EMFILE` the process's, `ENFILE` the system's.
        source: io::Error,
    },
    /// A system call failed for a reason of its own.
    #[error("{call} failed on `{name}`")]
    System {
        /// The call.
        call: &'static str,
        /// The pin, window or file it was made on.
        name: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Error {
    /// A failed system call.
    pub(crate) fn system(call: &'static str, name: impl Into<String>, source: impl Into<io::Error>) -> Self {
        let (name, source) = (name.into(), source.into());
        match source.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE) => Error::NoDescriptor { name, source },
            _ => Error::System { call, name, source },
        }
    }
}

/// "; did you mean `a` or `b`?", or nothing.
fn did_you_mean(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    format!("; did you mean {}?", quoted(nearest, " or "))
}

/// "`a`, `b`".
fn quoted(names: &[String], separator: &str) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_can_cross_threads() {
        fn check<T: Send + Sync + std::error::Error + 'static>() {}
        check::<Error>();
    }

    #[test]
    fn an_unknown_pin_names_its_neighbours() {
        let error = Error::NoSuchPin {
            pin: "a/b".into(),
            nearest: vec!["a/c".into(), "a/d".into()],
        };
        assert_eq!(
            error.to_string(),
            "no pin `a/b`; did you mean `a/c` or `a/d`?; `axirq list` shows all"
        );
        let error = Error::NoSuchPin {
            pin: "a/b".into(),
            nearest: vec![],
        };
        assert_eq!(error.to_string(), "no pin `a/b`; `axirq list` shows all");
    }
}
