use proptest::prelude::*;

use super::*;

const HEX: &str = "c12fe1c06bba254a9dc9f519b335aa7c1367a88a";

fn read(text: &str) -> Result<Magnet, MagnetError> {
    text.parse()
}

fn bare() -> Magnet {
    let hash = core::array::from_fn(|at| u8::from_str_radix(&HEX[2 * at..2 * at + 2], 16).unwrap());
    Magnet { info_hash: InfoHash(hash), name: None, trackers: Vec::new(), peers: Vec::new() }
}

#[test]
fn hexadecimal_and_base_32_name_the_same_swarm() {
    let base32 = "YEX6DQDLXISUVHOJ6UM3GNNKPQJWPKEK";
    let links = [HEX.to_owned(), HEX.to_uppercase(), base32.to_owned(), base32.to_lowercase()];
    for digits in links {
        assert_eq!(read(&format!("magnet:?xt=urn:btih:{digits}")), Ok(bare()), "{digits}");
    }
    assert_eq!(bare().to_string(), format!("magnet:?xt=urn:btih:{HEX}"));
}

#[test]
fn everything_that_a_link_says_is_read() {
    let link = format!(
        "magnet:?dn=a+b%2Bc%C3%A9&xt.1=urn:btih:{HEX}&tr=http%3A%2F%2Ft.example%3A80%2Fannounce&tr.2=udp://u:1\
         &x.pe=10.0.0.1:6881&x.pe=[2001:db8::1]:80&x.pe=host.example:1&so=0-2&xl=10&xt=urn:btmh:1220ab"
    );
    let peer = |host: &str, port| PeerAddress { host: host.into(), port };
    let expected = Magnet {
        name: Some("a b+cé".into()),
        trackers: vec!["http://t.example:80/announce".into(), "udp://u:1".into()],
        peers: vec![peer("10.0.0.1", 6881), peer("2001:db8::1", 80), peer("host.example", 1)],
        ..bare()
    };
    assert_eq!(read(&link), Ok(expected.clone()));
    assert_eq!(read(&expected.to_string()), Ok(expected));
}

#[test]
fn what_is_wrong_is_said() {
    let peer = |text: &str| Err(MagnetError::Peer(text.into()));
    assert_eq!(read("http://example.org/?xt=urn:btih:"), Err(MagnetError::Scheme));
    assert_eq!(read("magnet:"), Err(MagnetError::Scheme));
    assert_eq!(read("magnet:?dn=x"), Err(MagnetError::NoInfoHash));
    assert_eq!(read("magnet:?xt=urn:btmh:1220ab"), Err(MagnetError::VersionTwo));
    assert_eq!(read("magnet:?xt=urn:btih:abc"), Err(MagnetError::InfoHash { digits: 3 }));
    assert_eq!(
        read(&format!("magnet:?xt=urn:btih:{}", "g".repeat(40))),
        Err(MagnetError::InfoHash { digits: 40 })
    );
    assert_eq!(
        read(&format!("magnet:?xt=urn:btih:{}", "1".repeat(32))),
        Err(MagnetError::InfoHash { digits: 32 })
    );
    let two = format!("magnet:?xt=urn:btih:{HEX}&xt=urn:btih:{}", "0".repeat(40));
    assert_eq!(read(&two), Err(MagnetError::TwoInfoHashes));
    assert_eq!(read(&format!("magnet:?xt=urn:btih:{HEX}&dn=%ff")), Err(MagnetError::NotText { key: "dn" }));
    for address in
        ["10.0.0.1", "10.0.0.1:0", "10.0.0.1:70000", ":80", "2001:db8::1:80", "[::1]", "a b:80", "[x]:1"]
    {
        assert_eq!(read(&format!("magnet:?xt=urn:btih:{HEX}&x.pe={address}")), peer(address), "{address}");
    }
    let long = format!("magnet:?xt=urn:btih:{HEX}&dn={}", "x".repeat(MAX_LEN));
    assert!(matches!(read(&long), Err(MagnetError::TooLong { .. })));
}

#[test]
fn a_hundred_trackers_are_enough() {
    let many = "&tr=udp://t:1".repeat(300);
    assert_eq!(read(&format!("magnet:?xt=urn:btih:{HEX}{many}")).unwrap().trackers.len(), MAX_SOURCES);
}

proptest! {
    #[test]
    fn any_text_is_harmless(text in ".{0,200}", query in "(xt|dn|tr|x\\.pe|=|&|:|%|urn:btih:|[0-9a-f]{40}|\\PC){0,40}") {
        let _ = read(&text);
        if let Ok(magnet) = read(&format!("magnet:?{query}")) {
            prop_assert_eq!(read(&magnet.to_string()), Ok(magnet));
        }
    }

    #[test]
    fn links_survive_being_written(
        hash in any::<[u8; 20]>(),
        name in proptest::option::of("\\PC{0,30}"),
        trackers in proptest::collection::vec("\\PC{0,30}", 0..3),
        host in "[a-z0-9.-]{1,20}",
        port in 1..=u16::MAX,
    ) {
        let peers = vec![PeerAddress { host, port }, PeerAddress { host: "::1".into(), port }];
        let magnet = Magnet { info_hash: InfoHash(hash), name, trackers, peers };
        prop_assert_eq!(read(&magnet.to_string()), Ok(magnet));
    }
}
