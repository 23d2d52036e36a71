//! Files to share, and whether others have them whole.

use std::fs;
use std::path::Path;

/// Bytes that repeat nowhere: the same for the same `seed`, on any machine.
pub(crate) fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Writes a file and the directories above it.
pub(crate) fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("it is in a directory")).unwrap();
    fs::write(path, content).unwrap();
}

/// Is there at `copy` what is at `origin`: a file of the same bytes, or a directory of the same files? Of a directory files
/// without content may be missing: Transmission does not make them.
pub(crate) fn equal(origin: &Path, copy: &Path) -> bool {
    if origin.is_dir() {
        let mut names = fs::read_dir(origin).unwrap().map(|entry| entry.unwrap().file_name());
        let nothing = |path: &Path| path.is_file() && fs::metadata(path).unwrap().len() == 0;
        return copy.is_dir()
            && names.all(|name| {
                let (origin, copy) = (origin.join(&name), copy.join(&name));
                nothing(&origin) && !copy.exists() || equal(&origin, &copy)
            });
    }
    let len = |path: &Path| fs::metadata(path).map(|metadata| metadata.len());
    len(copy).is_ok_and(|found| found == len(origin).unwrap())
        && fs::read(copy).is_ok_and(|found| found == fs::read(origin).unwrap())
}
