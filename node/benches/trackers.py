#!/usr/bin/env python3
"""MiniBit's tracker beside today's: what an announce costs, how many there can be, and how long an answer takes.

    cargo build --release -p minibit-node --bin node --example tracker_load && sudo python3 node/benches/trackers.py

All trackers are asked by the same generator, node/examples/tracker_load.rs: 16 torrents, 50 peers in an answer, as many requests under way
as the tracker can answer. They take turns, so that a noisy machine is as noisy for each of them; medians are printed, with the
ratio of every tracker to ours. A tracker is started anew for each turn and fills before anything is measured. Everything runs on
loopback in a network namespace of its own (root and iproute2). At half load, over UDP, each tracker gets half of the
announces per second that it has answered in the same turn: the p99 is then mostly its own and not that of the line.

Trackers: opentracker from Debian, which serves a list of torrents, and gets it, and keeps no connection open; aquatic_udp by Cargo (`cargo install aquatic_udp --version
0.9.0 --locked --no-default-features`; UDP alone), with one socket worker and 50 peers in an answer, where its own choice is 30.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "target" / "release" / "node"
LOAD = ROOT / "target" / "release" / "examples" / "tracker_load"
ADDRESS = "127.0.0.1:6969"
LOADS = ["udp", "http-keep-alive", "http"]
SHOWN = re.compile(r"(?P<rate>\d+) announces/s.*?(?P<cpu>[\d.]+) us CPU each.*?(?P<median>\d+) us \(median\), (?P<p99>\d+) us"
                   r".*?(?P<resident>\d+) MiB", re.DOTALL)


def minibit(place):
    return [NODE, "tracker", "--listen", ADDRESS, "--quiet"]


def opentracker(place):
    hashes = subprocess.run([LOAD, "hashes"], check=True, capture_output=True, text=True).stdout
    (place / "hashes").write_text(hashes)
    place.chmod(0o755)
    settings = place / "opentracker.conf"
    settings.write_text(f"listen.tcp_udp {ADDRESS}\naccess.whitelist /hashes\ntracker.rootdir {place}\ntracker.user nobody\n")
    return ["opentracker", "-f", settings]


def aquatic_udp(place):
    settings = place / "aquatic.toml"
    settings.write_text(f'socket_workers = 1\n[network]\naddress = "{ADDRESS}"\n[protocol]\nmax_response_peers = 50\n')
    return ["aquatic_udp", "-c", settings]


# Each tracker: how it starts, whether it is installed, and what it is asked by.
TRACKERS = {
    "minibit": (minibit, lambda: NODE.exists(), LOADS),
    "opentracker": (opentracker, lambda: shutil.which("opentracker"), ["udp", "http"]),
    "aquatic_udp": (aquatic_udp, lambda: shutil.which("aquatic_udp"), LOADS[:1]),
}


class Turn:
    """One tracker, which is asked in one way and then in the next."""

    def __init__(self, options, name):
        self.options, self.name = options, name
        self.namespace = f"trackers{os.getpid()}"

    def run(self):
        ip = lambda *words: subprocess.run(["ip", *words], check=True)
        ip("netns", "add", self.namespace)
        try:
            ip("-n", self.namespace, "link", "set", "lo", "up")
            with tempfile.TemporaryDirectory() as place:
                return self.run_in(Path(place))
        finally:
            ip("netns", "del", self.namespace)

    def run_in(self, place):
        start, _, answers = TRACKERS[self.name]
        command = ["ip", "netns", "exec", self.namespace, *start(place)]
        tracker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            results = {}
            for load in self.options.loads:
                if load not in answers:
                    continue
                self.load(tracker, load, self.options.fill)
                result = results[load] = self.load(tracker, load, self.options.seconds)
                if load == "udp":
                    half = self.load(tracker, load, self.options.seconds, "--rate", result["rate"] // 2)
                    result.update(half_cpu=half["cpu"], half_p99=half["p99"])
            return results
        finally:
            tracker.kill()
            tracker.wait()

    def load(self, tracker, load, seconds, *more):
        command = ["ip", "netns", "exec", self.namespace, LOAD, load, ADDRESS, "--pid", tracker.pid, "--seconds", seconds, *more]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        shown = SHOWN.search(done.stdout)
        if not shown:
            raise SystemExit(f"{self.name}, {load}: {done.stdout}{done.stderr}")
        return {key: float(value) if key == "cpu" else int(value) for key, value in shown.groupdict().items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of each tracker [5]")
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement [5]")
    parser.add_argument("--fill", type=int, default=5, help="seconds of announces before it [5]")
    parser.add_argument("--trackers", type=lambda text: text.split(","), default=list(TRACKERS),
                        help="of " + ", ".join(TRACKERS))
    parser.add_argument("--loads", type=lambda text: text.split(","), default=LOADS, help="of " + ", ".join(LOADS))
    options = parser.parse_args()
    names = [name for name in options.trackers if TRACKERS[name][1]()]
    for name in set(options.trackers) - set(names):
        print(f"{name} is not installed: left out", file=sys.stderr)
    results = {(load, name): [] for load in options.loads for name in names}
    for run in range(options.runs):
        for name in names:
            for load, result in Turn(options, name).run().items():
                results[load, name].append(result)
                print(f"run {run + 1}: {name}, {load}: {result['cpu']:.2f} us CPU each, {result['rate']} announces/s",
                      file=sys.stderr)
    report({key: runs for key, runs in results.items() if runs}, options)


def report(results, options):
    print(f"\nmedians of {options.runs} turns of {options.seconds} s; x: the tracker's CPU time per announce to ours")
    print(f"{'':17}{'tracker':13}{'us CPU':>8} {'(min-max)':>13}{'x':>6}{'per CPU-s':>11}{'answered/s':>12}{'p99 ms':>8}"
          f"{'half load: us CPU':>19}{'p99 ms':>8}{'MiB':>5}")
    ours = {}
    for (load, name), runs in results.items():
        median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        costs = [run["cpu"] for run in runs]
        ours.setdefault(load, median["cpu"])
        half = f"{median['half_cpu']:19.2f}{median['half_p99'] / 1000:8.2f}" if "half_p99" in median else " " * 27
        print(f"{load:17}{name:13}{median['cpu']:8.2f} {f'({min(costs):.2f}-{max(costs):.2f})':>13}"
              f"{median['cpu'] / ours[load]:6.2f}{1e6 / median['cpu']:11,.0f}{median['rate']:12,.0f}{median['p99'] / 1000:8.2f}"
              f"{half}{median['resident']:5.0f}")


if __name__ == "__main__":
    main()
