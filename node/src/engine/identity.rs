//! Who we are to others, and the randomness that it takes.

use std::io;

use minibit_core::PeerId;

/// What other clients show of us.
pub(super) const CLIENT: &str = concat!("MiniBit ", env!("CARGO_PKG_VERSION"));

/// What we call ourselves: client and version in Azureus style (BEP 20), then random bytes.
pub(super) fn peer_id() -> io::Result<PeerId> {
    let mut id = *b"-MB0100-            ";
    let random: [u8; 12] = random()?;
    id[8..].copy_from_slice(&random);
    Ok(PeerId(id))
}

/// Random bytes of the operating system.
///
/// # Errors
/// When it has none.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}
