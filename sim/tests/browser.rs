//! The pages in a real browser: their scripts come to an end, nothing outside is asked for, tables sort, figures tell values.
//!
//! Needs Chromium, so it only runs when it is asked for: `cargo test -p minibit-sim --test browser -- --ignored`. The program is
//! `$CHROMIUM`, or `chromium` on the path. A probe is put at the end of a copy of each page; it clicks and points like a reader and
//! writes what it saw into the document, which the browser then prints.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// Before all other scripts: notes what goes wrong.
const WATCH: &str = r#"<script>
const troubles = [];
window.addEventListener("error", (event) => troubles.push(event.message));
document.addEventListener("securitypolicyviolation", (event) => troubles.push(`${event.violatedDirective}: ${event.blockedURI}`));
</script>"#;

/// After all other scripts: sorts each table up and down, points at each figure, and writes down what it saw.
const PROBE: &str = r#"<script>
window.addEventListener("load", () => setTimeout(() => {
  const seen = { state: document.documentElement.dataset.state, troubles, tables: [], figures: {} };
  for (const table of document.querySelectorAll(".sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const orders = heads.map((head, column) => {
      const values = () => [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.key ?? row.cells[column].textContent);
      head.click();
      const up = values();
      head.click();
      return { numeric: head.classList.contains("n"), sort: head.getAttribute("aria-sort"), up, down: values() };
    });
    seen.tables.push(orders);
  }
  const tip = document.getElementById("tip");
  // Draws a band from a quarter to the middle of the axis, looks, and goes back: by the button, by the keyboard, by a double click.
  const zoomed = (svg, told) => {
    const button = svg.parentNode.querySelector("button.zoom");
    const mouse = (type, on, share, more = {}) => {
      const place = new DOMPoint(told.area[0] + told.area[2] * share, told.area[1] + told.area[3] * 0.6).matrixTransform(svg.getScreenCTM());
      on.dispatchEvent(new PointerEvent(type, { clientX: place.x, clientY: place.y, bubbles: true, pointerType: "mouse", ...more }));
    };
    const read = (share) => { mouse("pointermove", svg, share); return tip.style.display === "block" && tip.textContent; };
    const key = (key) => svg.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    const drawn = () => [...svg.querySelectorAll("polyline, polygon, image, rect:not(.band), circle, text")]
      .filter((part) => !part.closest("clipPath") && part.style.display !== "none").map((part) => part.outerHTML.replace(/ style="(display: ?;?)?"/, "")).join("\n");
    const drag = (more) => { mouse("pointerdown", svg, 0.25, more); mouse("pointermove", window, 0.4, more); mouse("pointerup", window, 0.5, more); };
    const before = drawn(), values = [0.2563, 0.3771, 0.4921].map(read);
    drag({ pointerType: "touch" });
    const finger = drawn() === before;
    drag();
    const during = { shown: !button.hidden, text: button.textContent, moved: drawn() !== before, values: [0.0252, 0.5084, 0.9684].map(read),
      ticks: [...svg.querySelectorAll("text")].filter((text) => text.style.display !== "none" && text.getAttribute("text-anchor") === "middle").length };
    button.click();
    const back = [drawn() === before && button.hidden];
    for (const leave of [() => key("Escape"), () => svg.dispatchEvent(new MouseEvent("dblclick", { bubbles: true }))]) {
      key("+"); key("ArrowRight");
      const moved = drawn() !== before && !button.hidden;
      leave();
      back.push(moved && drawn() === before && button.hidden);
    }
    key("+"); key("-");
    back.push(drawn() === before);
    mouse("pointerdown", svg, 0.5); mouse("pointerup", window, 0.501);
    back.push(drawn() === before);
    return { finger, ...during, was: values, back, focus: svg.tabIndex === 0 };
  };
  for (const data of document.querySelectorAll("script[data-hover]")) {
    const svg = document.getElementById(data.dataset.hover);
    const told = JSON.parse(data.textContent);
    const at = told.kind === "points"
      ? [told.points[0].x, told.points[0].y]
      : [told.area[0] + told.area[2] * 0.6, told.area[1] + told.area[3] * 0.6];
    const place = new DOMPoint(...at).matrixTransform(svg.getScreenCTM());
    svg.dispatchEvent(new PointerEvent("pointermove", { clientX: place.x, clientY: place.y }));
    const shown = tip.style.display === "block" ? tip.textContent : null;
    svg.dispatchEvent(new PointerEvent("pointerleave"));
    seen.figures[data.dataset.hover] = { kind: told.kind, shown, hidden: tip.style.display === "none", zoom: told.area ? zoomed(svg, told) : null };
  }
  seen.asked = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith("data:"));
  const light = (colour) => colour.match(/[\d.]+/g).slice(0, 3)
    .map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const contrast = (a, b) => { const [low, high] = [light(a), light(b)].sort((x, y) => x - y); return (high + 0.05) / (low + 0.05); };
  const card = getComputedStyle(document.querySelector("section, figure")).backgroundColor;
  seen.page = light(getComputedStyle(document.body).backgroundColor);
  seen.card = light(card);
  // Words on cards; those within the cells of a map have these for their ground.
  const words = [...document.querySelectorAll("h1, h2, p, td, th, svg text")].filter((word) => word.textContent.trim());
  const ground = (word) => {
    const box = word.getBoundingClientRect(), [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const below = [...(word.ownerSVGElement?.querySelectorAll("rect") ?? [])].filter((rect) => {
      const its = rect.getBoundingClientRect();
      return its.left <= x && x <= its.right && its.top <= y && y <= its.bottom && getComputedStyle(rect).fillOpacity !== "0";
    }).at(-1);
    return below && getComputedStyle(below).fill.startsWith("rgb") && getComputedStyle(below).fillOpacity === "1" ? getComputedStyle(below).fill : card;
  };
  const ink = (word) => word.ownerSVGElement ? getComputedStyle(word).fill : getComputedStyle(word).color;
  seen.faint = words.filter((word) => contrast(ink(word), ground(word)) < 3).map((word) => `${word.textContent} ${ink(word)} on ${ground(word)}`);
  seen.wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
  const note = document.createElement("template");
  note.id = "seen";
  note.setAttribute("data-seen", btoa(unescape(encodeURIComponent(JSON.stringify(seen)))));
  document.body.append(note);
}, 200));
</script>"#;

fn chromium() -> String {
    std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned())
}

/// How a page is looked at, as Chromium numbers it.
#[derive(Clone, Copy, Debug)]
enum View {
    Dark = 0,
    Light = 1,
}

/// What the probe saw on a page in a window this wide.
fn seen(page: &Path, width: u32, view: View) -> Value {
    let text = std::fs::read_to_string(page).unwrap();
    let probed = text
        .replacen("<style>", &format!("{WATCH}<style>"), 1)
        .replace("</body>", &format!("{PROBE}</body>"));
    let copy = page.with_file_name("probed.html");
    std::fs::write(&copy, probed).unwrap();
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(chromium())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={width},900"))
        .arg(format!("--blink-settings=preferredColorScheme={}", view as u8))
        .args(["--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("file://{}", copy.display()))
        .output()
        .expect("Chromium is there; its name is in $CHROMIUM");
    let dom = String::from_utf8_lossy(&output.stdout);
    let (_, rest) =
        dom.split_once("data-seen=\"").unwrap_or_else(|| panic!("the probe came to no end: {dom:.2000}"));
    let bytes = base64(rest.split_once('"').unwrap().0);
    std::fs::remove_file(copy).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// All that must hold on any page.
fn check(seen: &Value, view: View) {
    let lightness = |what: &str| seen[what].as_f64().unwrap();
    match view {
        View::Light => assert!(lightness("page") > 0.8 && lightness("card") > 0.8, "{view:?}"),
        View::Dark => assert!(lightness("page") < 0.1 && lightness("card") < 0.1, "{view:?}"),
    }
    assert_eq!(seen["faint"], json!([]), "{view:?}");
    assert_eq!(seen["state"], "READY", "the last line of the script was reached");
    assert_eq!(seen["troubles"], json!([]));
    assert_eq!(seen["asked"], json!([]), "the page asks nobody for anything");
    assert_eq!(seen["wide"], json!(false), "the page does not scroll sideways");
    for column in seen["tables"].as_array().unwrap().iter().flat_map(|table| table.as_array().unwrap()) {
        assert_eq!(column["sort"], "descending");
        let values = |key: &str| -> Vec<String> {
            column[key].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
        };
        if column["numeric"] == json!(true) {
            let numbers =
                |key: &str| values(key).iter().filter_map(|value| value.parse().ok()).collect::<Vec<f64>>();
            assert!(numbers("up").is_sorted(), "{column}");
            assert!(numbers("down").iter().rev().is_sorted(), "{column}");
        } else {
            let mut both = [values("up"), values("down")];
            for values in &mut both {
                values.sort();
            }
            assert_eq!(both[0], both[1], "no row is lost");
        }
    }
    for (name, figure) in seen["figures"].as_object().unwrap() {
        let shown = figure["shown"].as_str().unwrap_or_else(|| panic!("{name} tells nothing"));
        assert_eq!(figure["hidden"], json!(true), "{name}");
        let tells = match figure["kind"].as_str().unwrap() {
            "cells" => shown.contains(" · "),
            "curves" => shown.starts_with("at ") && shown.contains('\n'),
            // A seed, or a cell with its axes, value and interval.
            _ => shown.contains("seed ") || shown.lines().count() >= 4,
        };
        assert!(tells, "{name}: {shown}");
        if !figure["zoom"].is_null() {
            check_zoom(name, &figure["zoom"]);
        }
    }
}

/// A figure whose second quarter was shown, and then all of it again.
fn check_zoom(name: &str, zoom: &Value) {
    for what in ["finger", "shown", "moved", "focus"] {
        assert_eq!(zoom[what], json!(true), "{name}: {what} of {zoom}");
    }
    assert_eq!(
        zoom["back"],
        json!([true, true, true, true, true]),
        "{name}: the drawing is as it was before"
    );
    assert!(zoom["text"].as_str().unwrap().starts_with("Show all · now "), "{name}: {zoom}");
    assert!(zoom["ticks"].as_u64().unwrap() >= 2, "{name}: {zoom}");
    // What was a bit after a quarter, three eighths and almost half of the way along is now at the left, in the middle, at the right.
    for (was, is) in zoom["was"].as_array().unwrap().iter().zip(zoom["values"].as_array().unwrap()) {
        assert_eq!(was, is, "{name}");
    }
}

#[test]
#[ignore = "needs Chromium"]
fn pages_work_in_a_browser() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = dir.path().join("swarm.json");
    let swarm = json!({
        "content": { "size": "1 MiB", "piece": "64 KiB" },
        "defaults": { "up": "256 KiB/s", "down": "1 MiB/s" },
        "groups": [{ "name": "seed", "pieces": "all" }, { "name": "peer", "count": 15 }],
        "timeline": "100 ms",
        "expect": ["share(completed) >= 100 %"]
    });
    std::fs::write(&scenario, swarm.to_string()).unwrap();
    let sim = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_sim")).args(arguments).current_dir(dir.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    sim(&["run", "swarm.json", "--runs", "2"]);
    sim(&["compare", "swarm.json", "--vary", "pieces=rarest-first,random,sequential", "--runs", "8"]);
    let sweep = json!({
        "scenario": "swarm.json",
        "axes": [
            { "path": "groups.seed.up", "name": "upload of the seed", "values": ["128 KiB/s", "1 MiB/s"] },
            { "path": "groups.peer.up", "name": "upload of each peer", "values": ["128 KiB/s", "512 KiB/s", "1 MiB/s"] }
        ],
        "policies": { "path": "pieces", "values": ["rarest-first", "sequential"] },
        "seeds": 8
    });
    std::fs::write(dir.path().join("grid.json"), sweep.to_string()).unwrap();
    sim(&["sweep", "run", "grid.json", "--out", "runs"]);
    sim(&["merge", "runs"]);
    sim(&["report", "runs"]);
    sim(&["report", "--index"]);
    let reports = dir.path().join("reports");
    for (page, tables, figures) in [
        ("swarm/index.html", 1, 5),
        ("swarm_by_pieces/index.html", 2, 10),
        ("grid/index.html", 1, 2),
        ("index.html", 0, 0),
    ] {
        for (width, view) in [(1200, View::Light), (390, View::Light), (1200, View::Dark)] {
            let seen = seen(&reports.join(page), width, view);
            let local = page == "index.html";
            if local {
                // The list shows pictures that lie beside it, and nothing else.
                for name in seen["asked"].as_array().unwrap() {
                    assert!(name.as_str().unwrap().starts_with("file://"), "{name}");
                }
            } else {
                check(&seen, view);
            }
            assert_eq!(seen["state"], "READY");
            assert_eq!(seen["tables"].as_array().unwrap().len(), tables, "{page}");
            let told = seen["figures"].as_object().unwrap().len();
            assert!(told >= figures, "{page}: {told} figures tell something");
        }
    }
}
