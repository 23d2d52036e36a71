//! The table of all profiles, and what must hold of each row.

use super::*;
use std::fmt::Write as _;

#[test]
fn names_are_those_of_files() {
    for profile in Profile::ALL {
        let quoted = format!("\"{}\"", profile.name());
        assert_eq!(serde_json::to_string(&profile).unwrap(), quoted);
        assert_eq!(serde_json::from_str::<Profile>(&quoted).unwrap(), profile);
    }
    assert_eq!(serde_json::to_string(&Counting::UntilComplete).unwrap(), "\"until-complete\"");
}

/// A change of any number shows in the snapshot, and must be meant: every published result of a profile depends on it.
#[test]
fn the_whole_table() {
    let mut table = String::new();
    for profile in Profile::ALL {
        writeln!(table, "{} (messages count: {:?})", profile.name(), profile.counting()).unwrap();
        writeln!(table, "{:#?}", profile.config()).unwrap();
        if let Some(seed) = profile.tracker_seed_config() {
            writeln!(table, "{}, the tracker as a seed", profile.name()).unwrap();
            writeln!(table, "{seed:#?}").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

/// On a LAN there are strangers: more requests wait, at twelve bytes each, and doors are knocked at slowly.
#[test]
fn a_lan_adds_what_a_simulation_does_without() {
    for profile in Profile::ALL {
        let (config, lan) = (profile.config(), profile.config().for_lan());
        assert!(!config.extensions && !config.pex && lan.extensions && lan.pex);
        assert!(lan.limits.queued_requests * 12 <= 64 * KIB);
        assert_eq!((config.limits.dials_per_second, lan.limits.dials_per_second), (None, Some(10)));
        assert!(lan.timeouts.useless.is_some_and(|useless| useless < lan.timeouts.idle));
    }
}

/// What the core takes for granted of a configuration, and the bounds of the reliability goals (I8, L4, L5).
#[test]
fn numbers_fit_together() {
    for profile in Profile::ALL {
        for config in [Some(profile.config()), profile.tracker_seed_config()].into_iter().flatten() {
            let Config { choking, timeouts, limits, .. } = config;
            assert!(limits.dial_target <= limits.connections && limits.half_open <= limits.connections);
            assert!(limits.disk_low_water < limits.disk_high_water);
            assert!(limits.queued_requests <= 250 && limits.send_credit <= 256 * KIB);
            assert!(timeouts.keep_alive < timeouts.idle);
            assert!(timeouts.handshake <= Duration::from_secs(15));
            assert!(timeouts.request <= Duration::from_secs(20) && timeouts.request < choking.snub_after);
            assert!(timeouts.reconnect >= Duration::from_mins(1));
            assert!(config.announcing.is_none_or(|announcing| announcing.numwant <= 200));
            assert!(config.encoding != Encoding::Bep3 || config.handshake, "BEP 3 opens with a handshake");
            assert_eq!(config.unspoken(), None, "{}", profile.name());
        }
        if let Some(seed) = profile.tracker_seed_config() {
            let silent = profile.config().has_no_choking();
            assert_eq!(seed.has_no_choking(), silent, "who waits for an unchoke must be sent one");
        }
        assert_eq!(profile.tracker_seeds(), profile.tracker_seed_config().is_some());
    }
}
