// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Program`]: what a MicroBlaze runs, from an ELF or a flat binary.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;

use object::Endianness;
use object::elf::ELFCLASS32;
use object::elf::ELFCLASS64;
use object::elf::ELFDATA2LSB;
use object::elf::ELFMAG;
use object::elf::EM_MICROBLAZE;
use object::elf::FileHeader32;
use object::elf::PT_LOAD;
use object::elf::ProgramHeader32;
use object::read::elf::FileHeader as _;
use object::read::elf::ProgramHeader as _;

use crate::Error;
use crate::Result;

/// A program for a MicroBlaze: an ELF, or a flat binary for the memory's beginning.
///
/// It is checked against a memory when it is run.
#[derive(Clone, PartialEq, Eq)]
pub struct Program {
    name: String,
    file: Vec<u8>,
    segments: Vec<Segment>,
}

/// Bytes of the file at an address, and zeros behind them.
///
/// Many segments may be of the same bytes: they are copied when they are known to fit.
#[derive(Clone, PartialEq, Eq)]
struct Segment {
    address: u32,
    bytes: Range<usize>,
    /// Of bytes and zeros.
    size: u32,
}

impl Segment {
    fn end(&self) -> u64 {
        u64::from(self.address) + u64::from(self.size)
    }
}

impl Program {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// As for [`Program::from_bytes`], and what the system calls say.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> axirq::Result<()> {
    /// let program = axirq::microblaze::Program::read("pmod_timer.elf")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file = fs::read(path).map_err(|error| Error::system("read", name.as_str(), error))?;
        Self::from_bytes(name, file)
    }

    /// Takes an ELF if the bytes begin like one, else a flat binary.
    ///
    /// # Errors
    ///
    /// [`BadProgram`](Error::BadProgram), [`TruncatedProgram`](Error::TruncatedProgram),
    /// [`ForeignProgram`](Error::ForeignProgram), [`SegmentsOverlap`](Error::SegmentsOverlap).
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> axirq::Result<()> {
    /// use axirq::microblaze::Program;
    ///
    /// // `bri 0`: it stands still.
    /// let program = Program::from_bytes("still", 0xb800_0000_u32.to_le_bytes())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_bytes(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let (name, file) = (name.into(), bytes.into());
        let segments = if file.starts_with(&ELFMAG) {
            elf(&name, &file)?
        } else {
            flat(&name, &file)?
        };
        Ok(Self { name, file, segments })
    }

    /// Its name: the file's, if it was read from one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a memory of a size holds from its beginning on, in words as the processor writes them.
    pub(super) fn words(&self, room: usize) -> Result<Vec<u32>> {
        let mut image = Vec::new();
        for segment in &self.segments {
            let end = usize::try_from(segment.end()).unwrap_or(usize::MAX);
            if end > room {
                return Err(self.does_not_fit(segment, room));
            }
            let start = end - segment.size as usize;
            image.resize(image.len().max(end.next_multiple_of(4)), 0);
            let bytes = &self.file[segment.bytes.clone()];
            image[start..start + bytes.len()].copy_from_slice(bytes);
        }
        let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Ok(image.chunks_exact(4).map(word).collect())
    }

    fn does_not_fit(&self, segment: &Segment, room: usize) -> Error {
        let program = self.name.clone();
        if segment.address == 0 {
            let size = segment.size as usize;
            return Error::ProgramTooLarge { program, size, room };
        }
        Error::SegmentOutside {
            program,
            address: segment.address,
            size: segment.size,
            room,
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("name", &self.name)
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

fn bad(name: &str, reason: &'static str) -> Error {
    Error::BadProgram {
        program: name.to_owned(),
        reason,
    }
}

fn flat(name: &str, bytes: &[u8]) -> Result<Vec<Segment>> {
    if bytes.is_empty() {
        return Err(bad(name, "it is empty"));
    }
    let size = u32::try_from(bytes.len()).map_err(|_| bad(name, "it is larger than any MicroBlaze's memory"))?;
    Ok(vec![Segment {
        address: 0,
        bytes: 0..bytes.len(),
        size,
    }])
}

/// The segments to load, by their physical addresses.
fn elf(name: &str, bytes: &[u8]) -> Result<Vec<Segment>> {
    let truncated = || Error::TruncatedProgram {
        program: name.to_owned(),
        size: bytes.len(),
    };
    let foreign = |made_for: String| Error::ForeignProgram {
        program: name.to_owned(),
        made_for,
    };
    let &[_, _, _, _, class, order, ..] = bytes else {
        return Err(truncated());
    };
    match class {
        ELFCLASS32 => {}
        ELFCLASS64 => return Err(foreign("a processor of 64 bits".to_owned())),
        _ => return Err(bad(name, "its ELF header is none that is known")),
    }
    if bytes.len() < size_of::<FileHeader32<Endianness>>() {
        return Err(truncated());
    }
    let header =
        FileHeader32::<Endianness>::parse(bytes).map_err(|_| bad(name, "its ELF header is none that is known"))?;
    let endian = header
        .endian()
        .map_err(|_| bad(name, "its ELF header is none that is known"))?;
    let machine = header.e_machine(endian);
    if machine != EM_MICROBLAZE {
        return Err(foreign(format!("another processor (ELF machine {machine})")));
    }
    // Behind an AXI bus a MicroBlaze is little-endian, and so is what it shares.
    if order != ELFDATA2LSB {
        return Err(foreign("a big-endian MicroBlaze".to_owned()));
    }
    if header.e_phnum(endian) != 0
        && usize::from(header.e_phentsize(endian)) != size_of::<ProgramHeader32<Endianness>>()
    {
        return Err(bad(name, "its program headers are of a size that is unknown"));
    }
    let headers = header.program_headers(endian, bytes).map_err(|_| truncated())?;
    let mut segments = Vec::<Segment>::new();
    for header in headers {
        let size = header.p_memsz(endian);
        if header.p_type(endian) != PT_LOAD || size == 0 {
            continue;
        }
        let (offset, length) = (header.p_offset(endian), header.p_filesz(endian));
        if length > size {
            return Err(bad(name, "a segment takes less memory than it has bytes"));
        }
        segments.push(Segment {
            address: header.p_paddr(endian),
            bytes: range(offset, length, bytes.len()).ok_or_else(truncated)?,
            size,
        });
    }
    segments.sort_by_key(|segment| segment.address);
    if segments.is_empty() {
        return Err(bad(
            name,
            "it has no segment to load: is it an object file that was not linked?",
        ));
    }
    for pair in segments.windows(2) {
        if pair[0].end() > u64::from(pair[1].address) {
            return Err(Error::SegmentsOverlap {
                program: name.to_owned(),
                first: pair[0].address,
                second: pair[1].address,
            });
        }
    }
    Ok(segments)
}

/// Where these bytes are in a file, if it has them.
fn range(offset: u32, length: u32, file: usize) -> Option<Range<usize>> {
    if length == 0 {
        return Some(0..0);
    }
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    (end <= file).then_some(start..end)
}

#[cfg(test)]
mod tests;
