//! What S1, S2 and S4 do that others do not, rule by rule. S3 is in `errands`, S5 in `paced`.

use core::time::Duration;

use minibit_core::announce::{AnnounceEvent, AnnounceRequest, AnnounceResponse};
use minibit_core::boundary::{Command, DisconnectReason, SimAddr, Simulated};
use minibit_core::config::{ChokeAlgorithm, Config, Requests};
use minibit_core::message::{Inventory, MessageKind};
use minibit_core::{Bitfield, BlockSpan, ConnId, Input, Message, Output, Profile};

use crate::support::solo::{Said, accepted, closed, handshake, kinds, messages, requests};
use crate::support::{BLOCK, Solo, Swarm, What, World, geometry, pieces};

/// The tracker lists these.
fn list(solo: &mut Solo, peers: &[u32], inventories: &[(u32, &str)]) -> Said {
    solo.input(Input::Announced(Box::new(Ok(AnnounceResponse {
        interval: Duration::from_mins(30),
        min_interval: None,
        peers: peers.iter().map(|&number| SimAddr(number)).collect(),
        seeders: 0,
        leechers: 0,
        inventories: inventories.iter().map(|&(number, set)| (SimAddr(number), pieces(set))).collect(),
    }))))
}

fn dialled(said: &Said) -> Vec<(ConnId, u32)> {
    let dial = |output: &Output<Simulated>| match output {
        Output::Connect { conn, addr } => Some((*conn, addr.0)),
        _ => None,
    };
    said.iter().filter_map(dial).collect()
}

fn announced(said: &Said) -> Vec<AnnounceRequest> {
    let request = |output: &Output<Simulated>| match output {
        Output::Announce(request) => Some((**request).clone()),
        _ => None,
    };
    said.iter().filter_map(request).collect()
}

fn span(index: u32) -> BlockSpan {
    BlockSpan { index, begin: 0, length: BLOCK }
}

mod s1 {
    use super::*;

    fn s1() -> Config {
        Profile::S1.config()
    }

    fn connect(solo: &mut Solo, number: u32) -> (ConnId, Said) {
        let said = solo.input(Input::Incoming { ticket: number, addr: SimAddr(number) });
        let conn = accepted(&said).unwrap();
        let said = solo.hear(conn, handshake(number, false));
        (conn, said)
    }

    /// `GET_PEERS` says who has what: a peer that says nothing is asked all the same. What it has said itself stays.
    #[test]
    fn the_list_tells_what_silent_peers_have() {
        let mut solo = Solo::leecher(s1(), geometry(4, 1));
        let said = list(&mut solo, &[1, 2], &[(1, "*..."), (2, "....")]);
        let dials = dialled(&said);
        let conn_of = |number| dials.iter().find(|(_, to)| *to == number).unwrap().0;
        for &(conn, number) in &dials {
            solo.input(Input::Connected { conn });
            solo.hear(conn, handshake(number, false));
        }
        let (one, two) = (conn_of(1), conn_of(2));
        assert_eq!((solo.view(one).unwrap().pieces, solo.view(two).unwrap().pieces), (1, 0));
        assert!(solo.view(one).unwrap().am_interested);
        solo.hear(one, Message::Have { index: 1 });
        solo.wait(Duration::from_secs(5));
        let said = list(&mut solo, &[1, 2], &[(1, "..*."), (2, "...*")]);
        assert_eq!((solo.view(one).unwrap().pieces, solo.view(two).unwrap().pieces), (3, 1));
        assert_eq!(kinds(&said, two), [MessageKind::Interested]);
    }

    /// Every 5 s the list is asked for; a new piece is told at once, and that asks for nothing.
    #[test]
    fn the_tracker_is_asked_every_five_seconds_and_told_of_each_piece() {
        let mut solo = Solo::leecher(s1(), geometry(4, 1));
        list(&mut solo, &[], &[]);
        let said = solo.wait(Duration::from_secs(5));
        let asked = announced(&said);
        assert_eq!((asked.len(), asked[0].event), (1, AnnounceEvent::None));
        assert!(asked[0].numwant > 0);
        list(&mut solo, &[], &[]);
        let (conn, _) = solo.meet(false, &pieces("****"));
        let asked = requests(&solo.wait(Duration::from_secs(4)), conn);
        assert_eq!(asked.len(), 1, "one request in five seconds");
        let told = announced(&solo.give(conn, asked[0]));
        assert_eq!((told.len(), told[0].numwant), (1, 0));
        assert_eq!(told[0].have.as_ref().unwrap().count(), 1);
        list(&mut solo, &[], &[]);
        let asked = announced(&solo.wait(Duration::from_secs(1)));
        assert_eq!(asked.len(), 1, "the rhythm is kept");
        assert!(asked[0].numwant > 0);
    }

    /// What is on its way is not asked for again, however many intervals it takes; when the peer is silent for too long, it is.
    #[test]
    fn a_block_on_its_way_is_not_asked_for_again() {
        let mut solo = Solo::leecher(s1(), geometry(2, 1));
        let (conn, _) = connect(&mut solo, 1);
        let all = Inventory { pieces: pieces("**"), peer_id: None };
        solo.hear(conn, Message::Bitfield(Box::new(all)));
        let mut asked = requests(&solo.hear(conn, Message::Unchoke), conn);
        for _ in 0..3 {
            asked.extend(requests(&solo.wait(Duration::from_secs(5)), conn));
        }
        asked.sort_by_key(|span| span.index);
        let asked: Vec<u32> = asked.iter().map(|span| span.index).collect();
        assert_eq!(asked, [0, 1], "each once in 15 s, though none has come");
        let mut late = Vec::new();
        for _ in 0..8 {
            late.extend(requests(&solo.wait(Duration::from_secs(5)), conn).iter().map(|span| span.index));
        }
        assert!(late.contains(&0) && late.contains(&1), "after their time-out: {late:?}");
    }

    #[test]
    fn a_request_of_a_choked_peer_is_not_served_and_counts_as_interest() {
        let mut solo = Solo::seeder(s1(), geometry(2, 1));
        let conn = solo.greet(false);
        let said = solo.hear(conn, Message::Request(span(0)));
        assert!(kinds(&said, conn).is_empty() && closed(&said, conn).is_none());
        let view = solo.view(conn).unwrap();
        assert!(view.peer_interested && view.am_choking && view.queued == 0);
        let said = solo.wait(Duration::from_secs(10));
        assert_eq!(kinds(&said, conn), [MessageKind::Unchoke], "in the next round");
        assert_eq!(kinds(&solo.hear(conn, Message::Request(span(0))), conn), [MessageKind::Piece]);
    }

    /// Every 10 s five of the interested are drawn anew; who was served and still is hears nothing.
    #[test]
    fn rounds_send_only_the_differences() {
        let mut solo = Solo::seeder(s1(), geometry(2, 1));
        let conns: Vec<ConnId> = (0..12).map(|_| solo.meet_taker(false).0).collect();
        let mut served: Vec<ConnId> = Vec::new();
        let mut kept = 0;
        for _ in 0..20 {
            let said = solo.wait(Duration::from_secs(10));
            let now: Vec<ConnId> =
                conns.iter().copied().filter(|&conn| !solo.view(conn).unwrap().am_choking).collect();
            assert_eq!(now.len(), 5);
            for &conn in &conns {
                let expected: &[MessageKind] = match (served.contains(&conn), now.contains(&conn)) {
                    (false, true) => &[MessageKind::Unchoke],
                    (true, false) => &[MessageKind::Choke],
                    (true, true) => {
                        kept += 1;
                        &[]
                    }
                    (false, false) => &[],
                };
                let heard: Vec<MessageKind> =
                    kinds(&said, conn).into_iter().filter(|&kind| kind != MessageKind::KeepAlive).collect();
                assert_eq!(heard, expected);
                solo.hear(conn, Message::KeepAlive);
            }
            served = now;
        }
        assert!(kept > 0);
    }

    #[test]
    fn a_new_piece_is_told_to_everyone() {
        let mut solo = Solo::leecher(s1(), geometry(2, 1));
        let (giver, _) = solo.meet(false, &pieces("*."));
        let asked = requests(&solo.wait(Duration::ZERO), giver);
        let lacking = solo.greet(false);
        let said = solo.give(giver, asked[0]);
        for conn in [giver, lacking] {
            assert!(messages(&said, conn).contains(&Message::Have { index: 0 }));
        }
    }
}

mod s2 {
    use super::*;

    /// Who has given is served, most first; one who has not is drawn.
    #[test]
    fn contributors_are_served_and_one_more() {
        let config = Profile::S2.config();
        assert_eq!(config.choking.algorithm, ChokeAlgorithm::Contribution);
        assert_eq!((config.choking.slots, config.choking.optimistic_slots), (4, 1));
        let config = Config { announcing: None, ..config };
        let mut solo = Solo::new(config, geometry(10, 1), &pieces("*........."));
        let mut conns = Vec::new();
        for number in 1..=9 {
            let said = solo.input(Input::Incoming { ticket: number, addr: SimAddr(number) });
            let conn = accepted(&said).unwrap();
            assert_eq!(kinds(&said, conn)[0], MessageKind::Bitfield, "the inventory comes first");
            conns.push(conn);
        }
        // Six give a piece each.
        for (at, &conn) in conns.iter().enumerate().take(6) {
            let index = u32::try_from(at).unwrap() + 1;
            solo.hear(conn, Message::Have { index });
            let asked = requests(&solo.hear(conn, Message::Unchoke), conn);
            solo.give(conn, asked[0]);
        }
        for _ in 0..6 {
            solo.wait(Duration::from_secs(10));
            for &conn in &conns {
                solo.hear(conn, Message::KeepAlive);
            }
            let served = |conn: &&ConnId| !solo.view(**conn).unwrap().am_choking;
            let givers = conns[..6].iter().filter(served).count();
            assert_eq!(conns.iter().filter(served).count(), 5);
            assert!(givers >= 4, "{givers} of the served have given");
        }
    }

    #[test]
    fn a_new_piece_is_announced_to_all_that_are_known() {
        let config = Config { announcing: None, ..Profile::S2.config() };
        let mut solo = Solo::leecher(config, geometry(2, 1));
        let connect = |solo: &mut Solo, number| {
            accepted(&solo.input(Input::Incoming { ticket: number, addr: SimAddr(number) })).unwrap()
        };
        let (giver, other) = (connect(&mut solo, 1), connect(&mut solo, 2));
        solo.hear(giver, Message::bitfield(pieces("*.")));
        let asked = requests(&solo.hear(giver, Message::Unchoke), giver);
        let said = solo.give(giver, asked[0]);
        for conn in [giver, other] {
            assert!(messages(&said, conn).contains(&Message::Have { index: 0 }));
        }
    }

    #[test]
    fn five_peers_are_asked_for() {
        let solo = &mut Solo::leecher(Profile::S2.config(), geometry(2, 1));
        list(solo, &[1], &[]);
        let asked = announced(&solo.wait(Duration::from_mins(1)));
        assert_eq!(asked.iter().map(|request| request.numwant).collect::<Vec<_>>(), [5], "few are known");
    }

    /// The tracker as a seed serves whoever asks, one second after it came at the latest.
    #[test]
    fn the_tracker_serves_everyone() {
        let config = Profile::S2.tracker_seed_config().unwrap();
        let mut solo = Solo::seeder(config, geometry(2, 1));
        let conns: Vec<ConnId> = (1..=30)
            .map(|number| accepted(&solo.input(Input::Incoming { ticket: number, addr: SimAddr(number) })))
            .map(Option::unwrap)
            .collect();
        solo.wait(Duration::from_secs(1));
        assert!(conns.iter().all(|&conn| !solo.view(conn).unwrap().am_choking));
    }
}

mod s4 {
    use super::*;

    fn s4() -> Config {
        Profile::S4.config()
    }

    /// A leecher with connections to these, which the tracker lists as holders; what each is asked for.
    fn download(solo: &mut Solo, holders: &[u32]) -> Vec<(ConnId, BlockSpan)> {
        let said = list(solo, holders, &[]);
        let mut asked = Vec::new();
        for (conn, _) in dialled(&said) {
            let said = solo.input(Input::Connected { conn });
            assert_eq!(kinds(&said, conn), [MessageKind::Request], "nothing but a request is said");
            asked.push((conn, requests(&said, conn)[0]));
        }
        assert_eq!(asked.len(), holders.len());
        asked
    }

    /// One worker for each source takes the next chunk of the queue when it has brought one.
    #[test]
    fn workers_drain_a_shared_queue_in_order() {
        assert_eq!(s4().requests, Requests::Fixed(1));
        let mut solo = Solo::leecher(s4(), geometry(6, 1));
        let asked = download(&mut solo, &[1, 2, 3]);
        let indices: Vec<u32> = asked.iter().map(|(_, span)| span.index).collect();
        assert_eq!(indices, [0, 1, 2]);
        let (fast, mut span) = asked[1];
        for next in 3..6 {
            let said = solo.give(fast, span);
            span = requests(&said, fast)[0];
            assert_eq!(span.index, next, "the one that is ready goes on");
        }
    }

    /// Whom the user names is asked, whether or not the tracker lists it; whom somebody else names is not.
    #[test]
    fn whom_the_user_names_is_a_source() {
        let mut solo = Solo::leecher(s4(), geometry(3, 1));
        solo.input(Input::Command(Command::AddPeers(vec![SimAddr(1)])));
        let said = solo.input(Input::Command(Command::AddSources(vec![SimAddr(2)])));
        let dials = dialled(&said);
        assert_eq!(dials.iter().map(|&(_, to)| to).collect::<Vec<_>>(), [2]);
        let conn = dials[0].0;
        let said = solo.input(Input::Connected { conn });
        assert_eq!(requests(&said, conn), [span(0)]);
        list(&mut solo, &[], &[]);
        let said = solo.give(conn, span(0));
        assert_eq!(requests(&said, conn), [span(1)], "the list does not name it, and it is a source still");
    }

    /// The chunk of a source that is gone goes back into the queue.
    #[test]
    fn a_dead_source_gives_its_chunk_back() {
        let mut solo = Solo::leecher(s4(), geometry(3, 1));
        let asked = download(&mut solo, &[1, 2]);
        let ((dead, lost), (alive, span)) = (asked[0], asked[1]);
        solo.input(Input::Disconnected { conn: dead });
        let next = requests(&solo.give(alive, span), alive)[0];
        assert_eq!(next.index, lost.index, "first in the file, so first in the queue");
        let third = requests(&solo.give(alive, next), alive)[0];
        let said = solo.give(alive, third);
        assert!(solo.torrent.is_complete());
        assert_eq!(closed(&said, alive), Some(DisconnectReason::Done), "there is no more to ask for");
    }

    /// The catalogue hears of a file when it is whole; heartbeats ask for nobody.
    #[test]
    fn a_whole_file_is_registered_and_heartbeats_only_tell() {
        let mut solo = Solo::leecher(s4(), geometry(1, 1));
        let asked = download(&mut solo, &[1]);
        let beats = announced(&solo.wait(Duration::from_secs(31)));
        assert_eq!(beats.len(), 1, "every thirty seconds");
        assert_eq!((beats[0].numwant, beats[0].have.is_some()), (0, false));
        list(&mut solo, &[], &[]);
        let (source, span) = asked[0];
        let told = announced(&solo.give(source, BlockSpan { ..span }));
        assert_eq!((told.len(), told[0].event, told[0].numwant), (1, AnnounceEvent::Completed, 0));
        assert!(told[0].have.as_ref().is_some_and(|have| have.is_full()));
    }

    /// Nobody has the file yet: it is searched for again.
    #[test]
    fn a_search_without_a_source_is_repeated() {
        let mut solo = Solo::leecher(s4(), geometry(1, 1));
        list(&mut solo, &[], &[]);
        let mut asking = Vec::new();
        for _ in 0..4 {
            let said = solo.wait(Duration::from_secs(30));
            asking.extend(announced(&said).into_iter().map(|request| request.numwant > 0));
            list(&mut solo, &[], &[]);
        }
        assert!(asking.contains(&true) && asking.contains(&false), "{asking:?}");
    }

    /// A person's chunk may be what is not here.
    #[test]
    fn what_is_not_here_is_not_answered() {
        let mut solo = Solo::new(s4(), geometry(2, 1), &pieces(".*"));
        let conn = solo.accept();
        let said = solo.hear(conn, Message::Request(span(0)));
        assert!(kinds(&said, conn).is_empty());
        assert_eq!(closed(&said, conn), Some(DisconnectReason::NotHere));
    }

    /// Only who has everything is a source: leechers never speak to each other. Who comes later has more sources.
    #[test]
    fn leechers_give_nothing_until_they_have_everything() {
        let world = World { latency: (5, 30), disk: (0, 5), uplink: Some(1 << 20) };
        let mut swarm = Swarm::<Simulated>::new(geometry(8, 2), world, 3);
        swarm.open_tracker(Duration::from_secs(90));
        swarm.seed(s4());
        swarm.run_for(Duration::from_secs(1));
        swarm.leecher(s4());
        swarm.leecher(s4());
        swarm.finish(Duration::from_mins(5));
        let given = |swarm: &Swarm<Simulated>, by: usize| {
            swarm.count(|entry| entry.member == by && entry.is(MessageKind::Piece))
        };
        assert_eq!((given(&swarm, 0), given(&swarm, 1), given(&swarm, 2)), (32, 0, 0));
        let spoken = |entry: &crate::support::Entry<Simulated>| {
            entry.message().is_some_and(|(_, message)| {
                !matches!(message.kind(), MessageKind::Request | MessageKind::Piece)
            })
        };
        assert_eq!(swarm.count(spoken), 0);
        swarm.run_for(Duration::from_secs(1));
        swarm.leecher(s4());
        swarm.finish(Duration::from_mins(5));
        assert!([1, 2].iter().all(|&by| given(&swarm, by) > 0), "three sources now");
        assert_eq!(swarm.count(|entry| matches!(entry.what, What::Dialled(1))), 1);
    }

    /// What a source begins with is all that is known of it: nobody who lacks something is listed.
    #[test]
    fn an_empty_list_is_an_empty_list() {
        let mut solo = Solo::new(s4(), geometry(2, 1), &Bitfield::none(2));
        assert!(dialled(&list(&mut solo, &[], &[])).is_empty());
    }
}
