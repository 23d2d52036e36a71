//! What peers have when they join.

use super::super::InitialPieces;
use super::super::file::{Pieces, SomePieces};
use super::super::path::FieldPath;
use super::super::problem::{Problem, ensure};
use super::super::values::PieceSpan;

/// Checks initial pieces against the number of pieces that there are.
pub(super) fn pieces(pieces: &Pieces, count: u32, path: &FieldPath) -> Result<InitialPieces, Problem> {
    let some = match pieces {
        Pieces::None => return Ok(InitialPieces::None),
        Pieces::All => return Ok(InitialPieces::All),
        Pieces::Some(some) => some,
    };
    let within = |number: u32, key: &str| {
        ensure(number <= count, || {
            Problem::new(&path.key(key), format!("{number} pieces are more than the {count} that there are"))
                .hint("the number of pieces is content.size / content.piece, rounded up")
        })
    };
    Ok(match some {
        SomePieces::Random(number) => {
            within(*number, "random")?;
            InitialPieces::Random(*number)
        }
        SomePieces::Share(share) => {
            let number = u64::from(count) * u64::from(share.0) / 1_000_000;
            InitialPieces::Random(u32::try_from(number).expect("a share of a u32"))
        }
        SomePieces::SeedShare(share) => InitialPieces::SeedShare { ppm: share.0 },
        SomePieces::First(number) => {
            within(*number, "first")?;
            InitialPieces::Exactly((0..*number).collect())
        }
        SomePieces::Last(number) => {
            within(*number, "last")?;
            InitialPieces::Exactly((count - number..count).collect())
        }
        SomePieces::Exactly(spans) => {
            let chosen = chosen(spans, count, &path.key("exactly"))?;
            InitialPieces::Exactly((0..count).filter(|&piece| chosen[piece as usize]).collect())
        }
        SomePieces::Except(spans) => {
            let chosen = chosen(spans, count, &path.key("except"))?;
            InitialPieces::Exactly((0..count).filter(|&piece| !chosen[piece as usize]).collect())
        }
    })
}

/// For each piece: is it in one of the spans?
fn chosen(spans: &[PieceSpan], count: u32, path: &FieldPath) -> Result<Vec<bool>, Problem> {
    let mut chosen = vec![false; count as usize];
    for (i, &PieceSpan(first, last)) in spans.iter().enumerate() {
        ensure(last < count, || {
            Problem::new(&path.index(i), format!("there is no piece {last}"))
                .hint(format!("pieces count from 0; the last one is {}", count - 1))
        })?;
        chosen[first as usize..=last as usize].fill(true);
    }
    Ok(chosen)
}
