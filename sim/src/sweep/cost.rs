//! What a sweep will cost, from a few of its runs.

use cpu_time::ThreadTime;

use super::execute::run;
use super::plan::Place;
use super::read::Sweep;
use crate::statistics::{float, mean};

/// Most runs that are tried.
const SAMPLES: usize = 12;
/// Processor seconds after which no further run is tried.
const ENOUGH: f64 = 3.0;

/// An estimate of what a sweep costs on this machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Processor seconds of all runs.
    pub total: f64,
    /// Processor seconds of each run that was tried.
    pub samples: Vec<f64>,
}

impl Cost {
    /// Tries runs of variants that lie far apart, each with the first seed.
    pub fn estimate(sweep: &Sweep) -> Self {
        let plan = &sweep.plan;
        let variants = sweep.scenarios.len();
        let count = variants.min(SAMPLES);
        let mut samples = Vec::new();
        for sample in 0..count {
            // The middles of as many equal parts; an odd step in the order mixes policies.
            let variant = (2 * sample + 1) * variants / (2 * count);
            let place =
                Place { cell: variant / plan.policy_count(), policy: variant % plan.policy_count(), seed: 0 };
            let clock = ThreadTime::now();
            run(sweep, plan.index(place), None);
            samples.push(clock.elapsed().as_secs_f64());
            if samples.iter().sum::<f64>() > ENOUGH {
                break;
            }
        }
        Self { total: mean(&samples).unwrap_or(0.0) * float(plan.runs()), samples }
    }
}
