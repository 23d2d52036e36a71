//! What a person types to name a file: its name, a part of the name, or the first digits of its info-hash.

use core::cmp::Reverse;

use crate::id::InfoHash;

/// The longest query, in bytes: that of a file's name.
pub const MAX_QUERY: usize = 255;
/// Fewer digits are a word like `cafe`, and no info-hash.
pub const MIN_DIGITS: usize = 8;

/// Text that is no query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// There is nothing in it.
    #[error("there is nothing to look for")]
    Empty,
    /// No name is so long.
    #[error("{len} bytes to look for are more than {MAX_QUERY}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

/// How well a file fits a query; the best comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It has this very name.
    Name,
    /// It has this name but for upper and lower case.
    NameInAnyCase,
    /// Its info-hash begins with these digits, at least [`MIN_DIGITS`] of them.
    InfoHash,
    /// Its name has this text in it, in any case.
    Part,
}

/// A text to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    text: String,
    folded: String,
    is_hex: bool,
}

impl Query {
    /// A query for `text`, without the white space around it.
    ///
    /// # Errors
    /// When nothing is left of it, or it is too long.
    pub fn new(text: &str) -> Result<Self, QueryError> {
        let text = text.trim();
        match text.len() {
            0 => Err(QueryError::Empty),
            len if len > MAX_QUERY => Err(QueryError::TooLong { len }),
            len => Ok(Self {
                text: text.into(),
                folded: text.to_lowercase(),
                is_hex: (MIN_DIGITS..=40).contains(&len) && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            }),
        }
    }

    /// The text as it was typed.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How well a file of this name fits; `None` when it does not.
    pub fn fit(&self, name: &str, info_hash: InfoHash) -> Option<Fit> {
        self.fit_folded(name, &name.to_lowercase(), info_hash)
    }

    pub(super) fn fit_folded(&self, name: &str, folded: &str, info_hash: InfoHash) -> Option<Fit> {
        if name == self.text {
            Some(Fit::Name)
        } else if folded == self.folded {
            Some(Fit::NameInAnyCase)
        } else if self.is_hex && info_hash.to_hex().starts_with(&self.folded) {
            Some(Fit::InfoHash)
        } else {
            folded.contains(&self.folded).then_some(Fit::Part)
        }
    }
}

/// What a query leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick<T> {
    /// Nothing fits.
    Nothing,
    /// One file fits better than all others.
    One(T),
    /// So many fit equally well, in the order in which they came.
    Several(Vec<T>),
}

impl<T> Pick<T> {
    /// Of all candidates the one that fits best.
    pub fn best_of(candidates: impl IntoIterator<Item = (Fit, T)>) -> Self {
        let mut best: Vec<(Fit, T)> = Vec::new();
        for (fit, candidate) in candidates {
            match best.first().map(|&(best, _)| Reverse(best)) {
                Some(best) if Reverse(fit) < best => continue,
                Some(worse) if Reverse(fit) > worse => best.clear(),
                _ => {}
            }
            best.push((fit, candidate));
        }
        let mut best: Vec<T> = best.into_iter().map(|(_, candidate)| candidate).collect();
        match (best.pop(), best.is_empty()) {
            (None, _) => Self::Nothing,
            (Some(one), true) => Self::One(one),
            (Some(last), false) => {
                best.push(last);
                Self::Several(best)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: InfoHash = InfoHash([0xAB; 20]);

    fn fit(query: &str, name: &str) -> Option<Fit> {
        Query::new(query).unwrap().fit(name, HASH)
    }

    #[test]
    fn a_name_is_found_by_itself_in_any_case_by_a_part_and_by_its_hash() {
        assert_eq!(fit("Movie.mp4", "Movie.mp4"), Some(Fit::Name));
        assert_eq!(fit(" movie.MP4\n", "Movie.mp4"), Some(Fit::NameInAnyCase));
        assert_eq!(fit("OVIE", "Movie.mp4"), Some(Fit::Part));
        assert_eq!(fit("ÄÖ", "xäöx"), Some(Fit::Part));
        assert_eq!(fit("abABabAB", "Movie.mp4"), Some(Fit::InfoHash));
        assert_eq!(fit(&"ab".repeat(20), "Movie.mp4"), Some(Fit::InfoHash));
        assert_eq!(fit("abababa", "Movie.mp4"), None, "seven digits are a word");
        assert_eq!(fit("abababac", "Movie.mp4"), None);
        assert_eq!(fit("abababab", "abababab"), Some(Fit::Name), "a name that looks like a hash is a name");
        assert_eq!(fit("movie.mp5", "Movie.mp4"), None);
    }

    #[test]
    fn nothing_and_too_much_are_no_queries() {
        assert_eq!(Query::new(" \t\n"), Err(QueryError::Empty));
        assert_eq!(Query::new(&"x".repeat(256)), Err(QueryError::TooLong { len: 256 }));
        assert_eq!(Query::new(&"x".repeat(255)).unwrap().as_str().len(), 255);
    }

    #[test]
    fn the_best_fit_wins_and_equals_are_all_told() {
        let pick = |fits: &[Fit]| Pick::best_of(fits.iter().copied().zip(0..));
        assert_eq!(pick(&[]), Pick::Nothing);
        assert_eq!(pick(&[Fit::Part]), Pick::One(0));
        assert_eq!(pick(&[Fit::Part, Fit::Name, Fit::Part]), Pick::One(1));
        assert_eq!(pick(&[Fit::Name, Fit::NameInAnyCase]), Pick::One(0));
        assert_eq!(pick(&[Fit::Part, Fit::InfoHash, Fit::InfoHash]), Pick::Several(vec![1, 2]));
        assert_eq!(pick(&[Fit::Part, Fit::Part, Fit::Part]), Pick::Several(vec![0, 1, 2]));
    }
}
