//! The simulator against results that nobody on this project produced: closed forms, published models, an independent
//! piece-level reference model ("ref").
//!
//! The cases are those of `sim validate`, with fewer seeds where many cost more than a test may: `cargo test -p minibit-sim --test validation --
//! --nocapture` shows what was measured beside what is expected. `.ci/run` measures them with all seeds.

mod replay;

use minibit_sim::report::validation::table;
use minibit_sim::validate::{Verdict, names, run};

/// Runs a case with at most so many seeds, and holds every figure to its range.
#[expect(clippy::print_stdout, reason = "the table of measured and expected figures")]
fn hold(case: &str, seeds: Option<u32>) {
    let cases = run(&[case.to_owned()], seeds);
    assert_eq!(cases.len(), 1, "there is one case {case}");
    let table = table(&cases);
    println!("{table}");
    assert!(!cases[0].rows.is_empty() && cases[0].verdict() == Verdict::InRange, "{table}");
}

/// A test for each case, with at most so many seeds.
macro_rules! cases {
    ($($test:ident $name:literal $seeds:expr;)*) => {
        $(
            #[test]
            fn $test() {
                hold($name, $seeds);
            }
        )*

        /// None is forgotten.
        #[test]
        fn every_case_has_a_test() {
            assert_eq!(names(), [$($name),*]);
        }
    };
}

cases! {
    o1_a_pair_moves_the_file_at_the_seeds_rate "O1" None;
    o2_a_server_is_never_idle "O2" None;
    o3_two_leechers_swap_what_the_seed_gives_them "O3" None;
    o4_a_chain_passes_on_whole_pieces "O4" None;
    o5_a_pipeline_is_limited_by_the_round_trip "O5" None;
    o6_flows_share_max_min "O6" None;
    o7_links_are_full_duplex "O7" None;
    o8_no_run_is_better_than_possible "O8" Some(1);
    o9_a_flash_crowd_is_nearly_as_fast_as_possible "O9" Some(1);
    o10_the_order_of_pieces_matters_with_a_slow_seed "O10" Some(2);
    o11_a_fast_seed_removes_the_gap "O11" Some(2);
    o12_a_slow_seed_sets_the_pace "O12" Some(2);
    o13_rarest_first_ends_the_transient_state "O13" Some(2);
    o14_a_steady_swarm_is_as_large_as_the_fluid_model_says "O14" Some(2);
    o15_one_missing_piece_makes_a_crowd_grow_or_melt "O15" Some(1);
    o16_tit_for_tat_makes_free_riders_wait "O16" Some(2);
    o17_one_copy_is_enough_when_no_piece_is_sent_twice "O17" Some(4);
    o18_the_same_seed_gives_the_same_bytes "O18" Some(2);
    o19_s5_behaves_as_its_authors_measured "O19" None;
    equals_find_each_other "CL" Some(1);
}
