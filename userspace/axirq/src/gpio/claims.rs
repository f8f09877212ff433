// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Claims`]: in which direction the wires of a channel are in use. Pure.
//!
//! A wire is used in one direction at a time, by any number of handles, so that an [`Input`](super::Input) stays one.

use super::direction::Kind;

/// The wires in use of one channel.
#[derive(Debug, Default)]
pub(super) struct Claims([Option<Claim>; 32]);

#[derive(Clone, Copy, Debug)]
struct Claim {
    kind: Kind,
    handles: usize,
}

impl Claims {
    /// Uses the wires under `mask`; those that were in no use until now are returned. If one of them is in use
    /// otherwise, none is claimed: its number, and as what.
    pub(super) fn claim(&mut self, mask: u32, kind: Kind) -> Result<u32, (u32, Kind)> {
        let other = self
            .under(mask)
            .find_map(|(wire, claim)| claim.filter(|claim| claim.kind != kind).map(|claim| (wire, claim.kind)));
        if let Some(other) = other {
            return Err(other);
        }
        let mut free = 0;
        for (wire, claim) in self.under(mask) {
            if claim.is_none() {
                free |= 1 << wire;
            }
            claim.get_or_insert(Claim { kind, handles: 0 }).handles += 1;
        }
        Ok(free)
    }

    /// Uses the wires under `mask` no more.
    pub(super) fn release(&mut self, mask: u32) {
        for (_, claim) in self.under(mask) {
            *claim = claim
                .map(|claim| Claim {
                    handles: claim.handles - 1,
                    ..claim
                })
                .filter(|claim| claim.handles > 0);
        }
    }

    fn under(&mut self, mask: u32) -> impl Iterator<Item = (u32, &mut Option<Claim>)> {
        (0..).zip(&mut self.0).filter(move |(wire, _)| mask & (1 << wire) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_has_one_direction_at_a_time() {
        let mut claims = Claims::default();
        assert_eq!(claims.claim(0b0011, Kind::Input), Ok(0b0011));
        assert_eq!(claims.claim(0b0110, Kind::Input), Ok(0b0100));
        assert_eq!(claims.claim(0b1100, Kind::Output), Err((2, Kind::Input)));
        // The one that was free is so still.
        claims.claim(0b1000, Kind::Output).unwrap();
        claims.release(0b0110);
        claims.claim(0b0100, Kind::InOut).unwrap();
        assert_eq!(claims.claim(0b0010, Kind::Output), Err((1, Kind::Input)));
        claims.release(0b0011);
        claims.claim(0b0011, Kind::Output).unwrap();
        assert_eq!(claims.claim(u32::MAX, Kind::Output), Err((2, Kind::InOut)));
    }
}
