// SPDX-License-Identifier: MIT OR Apache-2.0
//! The PS's memory as masters in the fabric reach it: regions that the other side of the vfio-user socket has offered,
//! and nothing between them. An access that goes wrong says how, as an AXI bus does; it never goes half way.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::protocol::Mapped;

/// What stands behind a region. Accesses are inside of it: whoever calls has checked.
pub trait Backing: Send {
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), Fault>;

    fn write(&mut self, offset: u64, from: &[u8]) -> Result<(), Fault>;
}

/// How the bus answers an access that fails.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// DECERR: nobody has this address.
    #[error("no memory at this address")]
    Decode,
    /// SLVERR: whoever has it refuses.
    #[error("this memory refuses the access")]
    Slave,
}

/// A range of addresses.
pub struct Region {
    pub size: u64,
    pub readable: bool,
    pub writable: bool,
    /// None if there is memory that cannot be reached from here.
    pub backing: Option<Box<dyn Backing>>,
}

/// Why a change of the map is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MapError {
    #[error("{address:#x} + {size:#x} is no range of addresses")]
    Range { address: u64, size: u64 },
    #[error("{address:#x} + {size:#x} overlaps the region at {other:#x}")]
    Overlap { address: u64, size: u64, other: u64 },
    #[error("{address:#x} + {size:#x} cuts through the region at {other:#x}")]
    Partial { address: u64, size: u64, other: u64 },
    #[error("no region lies in {address:#x} + {size:#x}")]
    Nothing { address: u64, size: u64 },
}

/// All regions, by their first address. None is empty, none overlaps another, none reaches past the last address.
#[derive(Default)]
pub struct Memory {
    regions: BTreeMap<u64, Region>,
}

/// The last address of a range; none if there is no such range.
fn last_of(address: u64, size: u64) -> Option<u64> {
    address.checked_add(size.checked_sub(1)?)
}

impl Memory {
    pub fn map(&mut self, address: u64, region: Region) -> Result<(), MapError> {
        let size = region.size;
        let last = last_of(address, size).ok_or(MapError::Range { address, size })?;
        if let Some(other) = self.touched(address, last).next() {
            return Err(MapError::Overlap {
                address,
                size,
                other,
            });
        }
        self.regions.insert(address, region);
        Ok(())
    }

    /// Takes away every region of a range, which cuts through none.
    pub fn unmap(&mut self, address: u64, size: u64) -> Result<(), MapError> {
        let last = last_of(address, size).ok_or(MapError::Range { address, size })?;
        let touched: Vec<u64> = self.touched(address, last).collect();
        if touched.is_empty() {
            return Err(MapError::Nothing { address, size });
        }
        for &other in &touched {
            let end = last_of(other, self.regions[&other].size);
            if other < address || end.is_none_or(|end| end > last) {
                return Err(MapError::Partial {
                    address,
                    size,
                    other,
                });
            }
        }
        for other in touched {
            self.regions.remove(&other);
        }
        Ok(())
    }

    /// Takes away everything.
    pub fn clear(&mut self) {
        self.regions.clear();
    }

    pub fn read(&self, address: u64, into: &mut [u8]) -> Result<(), Fault> {
        let size = into.len();
        for piece in self.pieces(address, size, |region| region.readable)? {
            let Piece { region, offset, at } = piece;
            let backing = self.regions[&region].backing.as_ref();
            let backing = backing.ok_or(Fault::Slave)?;
            backing.read(offset, &mut into[at])?;
        }
        Ok(())
    }

    pub fn write(&mut self, address: u64, from: &[u8]) -> Result<(), Fault> {
        for piece in self.pieces(address, from.len(), |region| region.writable)? {
            let Piece { region, offset, at } = piece;
            let backing = self.regions.get_mut(&region);
            let backing = backing.and_then(|region| region.backing.as_mut());
            backing.ok_or(Fault::Slave)?.write(offset, &from[at])?;
        }
        Ok(())
    }

    /// The map, as people ask for it.
    pub fn list(&self) -> Vec<Mapped> {
        let line = |(&address, region): (&u64, &Region)| Mapped {
            address,
            size: region.size,
            readable: region.readable,
            writable: region.writable,
            reachable: region.backing.is_some(),
        };
        self.regions.iter().map(line).collect()
    }

    /// First addresses of the regions that have an address of a range.
    fn touched(&self, first: u64, last: u64) -> impl Iterator<Item = u64> + '_ {
        let before = self.regions.range(..first).next_back();
        let before = before.filter(move |&(&start, region)| {
            last_of(start, region.size).is_some_and(|end| end >= first)
        });
        let within = self.regions.range(first..=last);
        before.into_iter().chain(within).map(|(&start, _)| start)
    }

    /// The regions that an access goes through, or why it fails before anything is moved.
    fn pieces(
        &self,
        address: u64,
        size: usize,
        allows: impl Fn(&Region) -> bool,
    ) -> Result<Vec<Piece>, Fault> {
        let mut pieces = Vec::new();
        let mut done = 0;
        while done < size {
            let at = address.checked_add(done as u64).ok_or(Fault::Decode)?;
            let (&start, region) = self.regions.range(..=at).next_back().ok_or(Fault::Decode)?;
            let offset = at - start;
            let left = region.size.checked_sub(offset).filter(|&left| left > 0);
            let left = left.ok_or(Fault::Decode)?;
            if !allows(region) || region.backing.is_none() {
                return Err(Fault::Slave);
            }
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(size - done);
            pieces.push(Piece {
                region: start,
                offset,
                at: done..done + length,
            });
            done += length;
        }
        Ok(pieces)
    }
}

/// One region's part of an access.
struct Piece {
    region: u64,
    offset: u64,
    /// Where in the data.
    at: std::ops::Range<usize>,
}

/// Plain memory, for tests.
impl Backing for Vec<u8> {
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), Fault> {
        let from = usize::try_from(offset).map_err(|_| Fault::Slave)?;
        let there = self.get(from..).and_then(|rest| rest.get(..into.len()));
        into.copy_from_slice(there.ok_or(Fault::Slave)?);
        Ok(())
    }

    fn write(&mut self, offset: u64, from: &[u8]) -> Result<(), Fault> {
        let to = usize::try_from(offset).map_err(|_| Fault::Slave)?;
        let there = self.get_mut(to..);
        let there = there.and_then(|rest| rest.get_mut(..from.len()));
        there.ok_or(Fault::Slave)?.copy_from_slice(from);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
