//! Both sides of each conversation: a peer asks, a tracker answers, and the peer makes sense of it.

use super::*;
use crate::announce::AnnounceResponse;

fn me(host: u8) -> Me {
    let metainfo = metainfo("a");
    Me {
        peer_id: PeerId([host; 20]),
        ip: [127, 0, 0, 1].into(),
        port: 6000 + u16::from(host),
        file: "a".into(),
        info_hash: metainfo.info_hash(),
        geometry: metainfo.geometry(),
        metainfo: None,
    }
}

fn announce(pieces: &[u32], numwant: u32) -> AnnounceRequest {
    let mut have = Bitfield::none(3);
    for &piece in pieces {
        have.insert(PieceIndex(piece));
    }
    let left = if have.is_full() { 0 } else { 20 };
    let totals = Totals { left, ..Totals::default() };
    let have = Some(Box::new(have));
    AnnounceRequest { have, ..AnnounceRequest::plain(AnnounceEvent::None, totals, numwant) }
}

/// One announce, all the way and back.
fn talk(
    host: &mut Host,
    client: &mut Conversation,
    system: Encoding,
    number: u8,
    request: &AnnounceRequest,
) -> Result<AnnounceResponse<SocketAddr>, HeardError> {
    let mut sent = std::collections::VecDeque::from(client.ask(request));
    let mut response = None;
    while let Some(message) = sent.pop_front() {
        let ends = Ends { peer: [127, 0, 0, number].into(), local: [127, 0, 0, 99].into() };
        let answer = match system {
            Encoding::S3 => {
                // Not loopback: the list does not always fit.
                let from = format!("192.0.2.{number}:5");
                host.datagram(1, &from, core::str::from_utf8(&message).unwrap()).into_bytes()
            }
            Encoding::S4 => {
                let line = core::str::from_utf8(&message).unwrap().trim_end();
                host.with(|systems, directory| systems.line(secs(1), directory, ends, line)).into_bytes()
            }
            _ => host.with(|systems, directory| {
                let ticket = Ticket(number.into());
                systems.handle(secs(1), directory, ends, ticket, system, &message[4..]).answer.to_vec()
            }),
        };
        // In two parts, where it is a stream.
        let cut = if system == Encoding::S3 { answer.len() } else { answer.len() / 2 };
        let mut source = BytesMut::from(&answer[..cut]);
        for rest in [&answer[cut..], &[]] {
            source.extend_from_slice(rest);
            match client.receive(&mut source)? {
                Some(Heard::Response(heard)) => response = Some(heard),
                Some(Heard::Send(again)) => sent.push_front(again),
                Some(Heard::Joined(_)) | None => {}
            }
            if system == Encoding::S3 {
                break;
            }
        }
    }
    assert!(!client.waits());
    Ok(response.unwrap_or_else(Conversation::nothing))
}

#[test]
fn announces_go_to_every_tracker_and_come_back() {
    for system in [Encoding::S1, Encoding::S2, Encoding::S3, Encoding::S4, Encoding::S5] {
        let mut host = Host::new("a");
        let [mut one, mut two] = [1, 2].map(|number| Conversation::new(system, me(number)));
        let first = talk(&mut host, &mut one, system, 1, &announce(&[], 50)).unwrap();
        assert_eq!(first.peers.len(), 1, "{system:?}: the tracker");
        assert_eq!(first.peers[0].port(), 9000);
        talk(&mut host, &mut two, system, 2, &announce(&[0, 1], 50)).unwrap();
        // It only tells, of a piece that makes it whole.
        let told = talk(&mut host, &mut two, system, 2, &announce(&[0, 1, 2], 0)).unwrap();
        assert_eq!(told.peers, []);
        let mut peers = talk(&mut host, &mut one, system, 1, &announce(&[], 50)).unwrap();
        peers.peers.sort_unstable_by_key(SocketAddr::port);
        assert_eq!(peers.peers.iter().map(SocketAddr::port).collect::<Vec<_>>(), [6002, 9000], "{system:?}");
        let whole = |(_, set): &(SocketAddr, Bitfield)| set.is_full();
        match system {
            Encoding::S1 | Encoding::S3 => {
                assert!(peers.inventories.len() == 2 && peers.inventories.iter().all(whole));
            }
            _ => assert!(peers.inventories.is_empty()),
        }
        match system {
            Encoding::S1 | Encoding::S2 | Encoding::S5 => {
                assert_eq!(one.described(), Some(&Described::of(&metainfo("a"))));
            }
            _ => assert_eq!(one.described(), None),
        }
    }
}

#[test]
fn a_refusal_is_told_in_the_trackers_words_and_everything_is_said_anew() {
    for system in [Encoding::S1, Encoding::S2, Encoding::S3, Encoding::S5] {
        let mut host = Host::new("b");
        let mut client = Conversation::new(system, me(1));
        let refused = talk(&mut host, &mut client, system, 1, &announce(&[], 50)).unwrap_err();
        assert!(matches!(refused, HeardError::Refused(words) if words.contains("no")), "{system:?}");
        host.give("a");
        assert!(!talk(&mut host, &mut client, system, 1, &announce(&[], 50)).unwrap().peers.is_empty());
    }
}

#[test]
fn a_goodbye_is_said_where_there_is_a_word_for_it() {
    let stopped = AnnounceRequest::plain(AnnounceEvent::Stopped, Totals::default(), 0);
    for system in [Encoding::S1, Encoding::S2, Encoding::S3, Encoding::S5] {
        assert_eq!(Conversation::new(system, me(1)).ask(&stopped), Vec::<Bytes>::new());
    }
    let said = Conversation::new(Encoding::S4, me(1)).ask(&stopped);
    assert_eq!(said, [Bytes::from_static(b"unregister 127.0.0.1:6001\n")]);
}

proptest! {
    #[test]
    fn whatever_a_tracker_says_the_peer_goes_on(bytes: Vec<u8>, text in "(OK|ERR|PEERLIST|COOKIE)\\PC{0,40}\n") {
        for system in [Encoding::S1, Encoding::S2, Encoding::S3, Encoding::S4, Encoding::S5] {
            for answer in [&bytes[..], text.as_bytes()] {
                let mut client = Conversation::new(system, me(1));
                client.ask(&announce(&[], 50));
                let _heard = client.receive(&mut answer.into());
            }
        }
    }
}

/// A line that is too long would end the connection, and nothing of it would be known: the file itself comes first, and as many others
/// as fit.
#[test]
fn s4_is_told_of_no_more_files_than_a_line_takes() {
    let mut client = Conversation::new(Encoding::S4, me(1));
    for (len, all) in [(10, true), (70, false)] {
        let name = |at: usize| format!("{at:0>len$}");
        client.give_beside((0..999).map(|at| s4::Offer { name: name(at), size: Some(5) }).collect());
        let lines = client.ask(&announce(&[0, 1, 2], 0));
        let line = core::str::from_utf8(&lines[0]).unwrap();
        assert!(line.len() <= s4::MAX_LINE, "{}", line.len());
        assert!(all || line.len() > s4::MAX_LINE - 200, "there was room for more");
        let parsed = s4::Command::parse(line.trim_end());
        let Ok(s4::Command::Register(_, files) | s4::Command::Update(_, files)) = parsed else {
            panic!("{parsed:?}")
        };
        assert_eq!((files[0].name.as_str(), files.len() == 1_000), ("a", all));
    }
}
