// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guest memory: what DMA_MAP offers becomes a region of [`Memory`](crate::memory::Memory).
//!
//! QEMU passes a descriptor with each piece of guest memory that other processes can map (the board's whole memory: its
//! backend is a shared memfd). Without one there is memory that only QEMU could reach for us, by messages that
//! `vfio_user` does not offer to a server; such a region answers every access with a slave error.
//!
//! The descriptor's file must not shrink while it is mapped: QEMU seals its memfd against that.

use std::fs::File;
use std::io;

use nix::libc;
use thiserror::Error;
use vfio_user::DmaMapFlags;
use vm_memory::FileOffset;
use vm_memory::MmapRegion;
use vm_memory::VolatileMemory;

use crate::memory::Backing;
use crate::memory::Fault;
use crate::memory::Region;

/// Why a descriptor cannot be mapped.
#[derive(Debug, Error)]
pub enum Unreachable {
    #[error("it came without a descriptor; give QEMU a memory backend with share=on")]
    NoDescriptor,
    #[error("its file ends at {length:#x}, before {offset:#x} + {size:#x}")]
    Short { offset: u64, size: u64, length: u64 },
    #[error("cannot ask for the size of its file: {0}")]
    Stat(#[source] io::Error),
    #[error("its size {0:#x} does not fit the address space here")]
    Huge(u64),
    #[error("cannot map it: {0}")]
    Map(#[from] vm_memory::mmap::MmapRegionError),
}

/// A region as DMA_MAP describes it, and what is wrong if it cannot be reached.
pub fn region(
    flags: DmaMapFlags,
    offset: u64,
    size: u64,
    file: Option<File>,
) -> (Region, Option<Unreachable>) {
    let mut region = Region {
        size,
        readable: flags.contains(DmaMapFlags::READ),
        writable: flags.contains(DmaMapFlags::WRITE),
        backing: None,
    };
    let mapping = match file {
        None => Err(Unreachable::NoDescriptor),
        Some(file) => map(&region, offset, file),
    };
    match mapping {
        Ok(mapping) => {
            region.backing = Some(Box::new(mapping));
            (region, None)
        }
        Err(why) => (region, Some(why)),
    }
}

fn map(region: &Region, offset: u64, file: File) -> Result<Mapping, Unreachable> {
    let size = region.size;
    // A mapping past the end of its file would end this process at the first access.
    let length = file.metadata().map_err(Unreachable::Stat)?.len();
    if offset.checked_add(size).is_none_or(|end| end > length) {
        return Err(Unreachable::Short {
            offset,
            size,
            length,
        });
    }
    let bytes = usize::try_from(size).map_err(|_| Unreachable::Huge(size))?;
    let mut protection = libc::PROT_NONE;
    if region.readable {
        protection |= libc::PROT_READ;
    }
    if region.writable {
        protection |= libc::PROT_WRITE;
    }
    let shared = libc::MAP_SHARED | libc::MAP_NORESERVE;
    let place = FileOffset::new(file, offset);
    Ok(Mapping(MmapRegion::build(
        Some(place),
        bytes,
        protection,
        shared,
    )?))
}

/// Guest memory, mapped here. The guest may touch it at any time, so it is never borrowed: every access copies.
struct Mapping(MmapRegion);

impl Backing for Mapping {
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), Fault> {
        let offset = usize::try_from(offset).map_err(|_| Fault::Slave)?;
        let there = self.0.get_slice(offset, into.len());
        there.map_err(|_| Fault::Slave)?.copy_to(into);
        Ok(())
    }

    fn write(&mut self, offset: u64, from: &[u8]) -> Result<(), Fault> {
        let offset = usize::try_from(offset).map_err(|_| Fault::Slave)?;
        let there = self.0.get_slice(offset, from.len());
        there.map_err(|_| Fault::Slave)?.copy_from(from);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::memory::Memory;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn file_and_region_are_the_same_bytes() {
        let file = file(&[7; 0x3000]);
        let other = file.try_clone().unwrap();
        let (region, wrong) = region(DmaMapFlags::READ_WRITE, 0x1000, 0x2000, Some(file));
        assert!(wrong.is_none(), "{wrong:?}");
        let mut memory = Memory::default();
        memory.map(0x4000_0000, region).unwrap();
        memory.write(0x4000_0ffe, &[1, 2, 3]).unwrap();
        let mut back = [0; 5];
        std::os::unix::fs::FileExt::read_exact_at(&other, &mut back, 0x1ffd).unwrap();
        assert_eq!(back, [7, 1, 2, 3, 7]);
        std::os::unix::fs::FileExt::write_all_at(&other, &[9], 0x2fff).unwrap();
        memory.read(0x4000_1ffb, &mut back).unwrap();
        assert_eq!(back, [7, 7, 7, 7, 9]);
        memory.unmap(0x4000_0000, 0x2000).unwrap();
        assert_eq!(memory.read(0x4000_0000, &mut back), Err(Fault::Decode));
    }

    #[test]
    fn what_cannot_be_mapped_is_there_and_refuses() {
        let short = region(DmaMapFlags::READ, 0x1000, 0x1000, Some(file(&[0; 0x1fff])));
        assert!(matches!(short.1, Some(Unreachable::Short { .. })));
        let skewed = region(DmaMapFlags::READ, 1, 0x1000, Some(file(&[0; 0x2000])));
        assert!(matches!(skewed.1, Some(Unreachable::Map(_))));
        let wraps = region(DmaMapFlags::READ, u64::MAX, 2, Some(file(&[0; 1])));
        assert!(matches!(wraps.1, Some(Unreachable::Short { .. })));
        let (none, wrong) = region(DmaMapFlags::READ, 0, 0x1000, None);
        assert!(matches!(wrong, Some(Unreachable::NoDescriptor)));
        let mut memory = Memory::default();
        memory.map(0, short.0).unwrap();
        memory.map(0x1000, none).unwrap();
        for address in [0, 0x1000] {
            assert_eq!(memory.read(address, &mut [0]), Err(Fault::Slave));
        }
    }

    #[test]
    fn read_only_region_is_not_written() {
        let (region, wrong) = region(DmaMapFlags::READ, 0, 0x1000, Some(file(&[5; 0x1000])));
        assert!(wrong.is_none(), "{wrong:?}");
        let mut memory = Memory::default();
        memory.map(0, region).unwrap();
        assert_eq!(memory.write(0, &[1]), Err(Fault::Slave));
        let mut byte = [0];
        memory.read(0, &mut byte).unwrap();
        assert_eq!(byte, [5]);
    }
}
