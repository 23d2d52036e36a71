//! The status page: for people, without a script, in the colours that they have chosen.

use std::fmt::Write as _;
use std::time::Duration;

use super::status::{Row, Status};
use crate::show;

const HEAD: &str = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"refresh\" content=\"10\">\n\
<title>MiniBit tracker</title>\n<style>\n\
:root { color-scheme: light dark; --line: #e5e7eb; --soft: #6b7280; }\n\
@media (prefers-color-scheme: dark) { :root { --line: #374151; --soft: #9ca3af; } }\n\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }\n\
h1 { font-size: 1.4rem; font-weight: 600; }\n\
p, footer { color: var(--soft); } footer { margin-top: 1rem; }\n\
div { overflow-x: auto; }\n\
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }\n\
th, td { text-align: left; padding: .35rem .5rem; border-bottom: 1px solid var(--line); }\n\
th { font-weight: 600; } .n { text-align: right; white-space: nowrap; }\n\
td:first-child { min-width: 7rem; overflow-wrap: anywhere; } code { font-size: .8em; }\n\
@media (max-width: 55rem) { code { display: inline-block; width: 10ch; word-break: break-all; } }\n\
</style>\n</head>\n<body>\n<h1>MiniBit tracker</h1>\n";

/// The page.
pub(super) fn html(status: &Status) -> String {
    let Status { swarms, seeders, leechers, downloads, rows, .. } = status;
    let uptime = humantime::format_duration(Duration::from_secs(status.uptime()));
    let mut out = String::from(HEAD);
    let mut write = |text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("a String takes everything");
    write(format_args!(
        "<p>{}, {}, {}, {}; up for {uptime}.</p>\n",
        show::count(*swarms as u64, "swarm"),
        show::count(*seeders, "seeder"),
        show::count(*leechers, "leecher"),
        show::count(*downloads, "completed download"),
    ));
    if rows.is_empty() {
        write(format_args!("<p>Nobody has announced anything yet.</p>\n"));
    } else {
        write(format_args!(
            "<div>\n<table>\n<tr><th>Name</th><th class=\"n\">Size</th><th class=\"n\">Seeders</th><th class=\"n\">Leechers</th>\
             <th class=\"n\">Completed</th><th>Info-hash</th></tr>\n"
        ));
        for Row { info_hash, file, counted } in rows {
            let name = file.as_ref().map_or_else(|| "–".into(), |file| escaped(&file.name));
            let size = file.as_ref().map_or_else(|| "–".into(), |file| show::size(file.len));
            write(format_args!(
                "<tr><td>{name}</td><td class=\"n\">{size}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td><code>{}</code></td></tr>\n",
                counted.seeders,
                counted.leechers,
                counted.downloaded,
                info_hash.to_hex()
            ));
        }
        write(format_args!("</table>\n</div>\n"));
        if rows.len() < *swarms {
            write(format_args!("<p>These are the {} with most peers.</p>\n", rows.len()));
        }
    }
    write(format_args!(
        "<footer>For programs: <a href=\"/status.json\">status.json</a>, <a href=\"/metrics\">metrics</a></footer>\n</body>\n</html>\n"
    ));
    out
}

/// A name that shall be text and nothing else.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other if other.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::status::Named;
    use minibit_core::tracker::Scrape;
    use minibit_core::{InfoHash, Instant};

    #[test]
    fn a_name_is_text_and_nothing_else() {
        let file = Named { name: "<script>\"a\" & 'b'\u{7}".into(), len: 3 << 20, files: 1 };
        let row = Row { info_hash: InfoHash([1; 20]), file: Some(file), counted: Scrape::default() };
        let status = Status {
            taken: Instant::ZERO,
            swarms: 2,
            seeders: 0,
            leechers: 0,
            downloaders: 0,
            downloads: 0,
            rows: vec![row],
        };
        let page = html(&status);
        assert!(page.contains("<td>&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;\u{fffd}</td>"), "{page}");
        assert!(page.contains(">3.0 MiB</td>"), "{page}");
        assert!(page.contains("These are the 1 with most peers") && !page.contains("<script"));
    }
}
