//! Path names from metainfo are hostile: what would lead out of the download directory, or mean different files on different
//! systems, is refused on every system.

use super::{File, MetainfoError};

/// Directories that a path may go through, the file's name included (libtorrent's limit).
const MAX_DEPTH: usize = 100;
/// The longest name that common file systems take, in bytes.
const MAX_NAME_LEN: usize = 255;

/// Names that are devices on Windows, whatever follows a dot; `COM` and `LPT` go with a digit.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// A path that is not to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// There are no elements.
    #[error("the path is empty")]
    NoElements,
    /// Too many directories.
    #[error("the path has more than {MAX_DEPTH} elements")]
    TooDeep,
    /// An element without characters.
    #[error("a name is empty")]
    Empty,
    /// An element that is too long for file systems.
    #[error("a name has {len} bytes, more than {MAX_NAME_LEN}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("a name is not UTF-8")]
    NotText,
    /// `.` or `..`, or what Windows shortens to these: nothing but dots and spaces.
    #[error("a name has nothing but dots and spaces")]
    Dots,
    /// A slash or backslash.
    #[error("a name has a separator in it")]
    Separator,
    /// NUL, or another control character.
    #[error("a name has the control character {0:#04x} in it")]
    Control(u32),
    /// A drive (`C:`).
    #[error("a name begins with a drive")]
    Drive,
    /// The name of a device on Windows, such as `con` or `NUL.txt`.
    #[error("a name is reserved on Windows")]
    Reserved,
}

/// The name, when it can be one of a file or directory.
pub(crate) fn name(bytes: &[u8]) -> Result<&str, PathError> {
    let name = core::str::from_utf8(bytes).map_err(|_| PathError::NotText)?;
    if name.is_empty() {
        return Err(PathError::Empty);
    }
    if name.len() > MAX_NAME_LEN {
        return Err(PathError::TooLong { len: name.len() });
    }
    if name.contains(['/', '\\']) {
        return Err(PathError::Separator);
    }
    if let Some(control) = name.chars().find(|char| char.is_control()) {
        return Err(PathError::Control(control.into()));
    }
    if name.chars().all(|char| char == '.' || char == ' ') {
        return Err(PathError::Dots);
    }
    if matches!(name.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic()) {
        return Err(PathError::Drive);
    }
    if is_device(name) { Err(PathError::Reserved) } else { Ok(name) }
}

/// Does Windows take the name for a device?
fn is_device(name: &str) -> bool {
    let stem = name.split(['.', ':']).next().unwrap_or_default().trim_end_matches(' ');
    if DEVICES.iter().any(|device| device.eq_ignore_ascii_case(stem)) {
        return true;
    }
    let Some((port, number)) = stem.split_at_checked(3) else { return false };
    let ports = port.eq_ignore_ascii_case("COM") || port.eq_ignore_ascii_case("LPT");
    ports && matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
}

/// The elements of a path.
pub(super) fn path<'a>(elements: impl Iterator<Item = &'a [u8]>) -> Result<Vec<String>, PathError> {
    let mut path = Vec::new();
    for element in elements {
        if path.len() == MAX_DEPTH {
            return Err(PathError::TooDeep);
        }
        path.push(name(element)?.to_owned());
    }
    if path.is_empty() { Err(PathError::NoElements) } else { Ok(path) }
}

/// No two files share a path, and none is where another needs a directory.
///
/// Names that differ in upper and lower case alone are two files here: sources of operating systems have such, and most systems keep them
/// apart. Whether a disk does is known when the files are made, and whoever makes them has to look.
pub(super) fn collisions(files: &[File]) -> Result<(), MetainfoError> {
    let real = files.iter().enumerate().filter(|(_, file)| !file.padding);
    let mut sorted: Vec<_> = real.map(|(number, file)| (file.path.as_slice(), number)).collect();
    sorted.sort_unstable();
    // What is below a path follows it directly.
    for pair in sorted.windows(2) {
        if let [(path, first), (next, second)] = *pair
            && next.starts_with(path)
        {
            return Err(MetainfoError::Collision { first, second });
        }
    }
    Ok(())
}
