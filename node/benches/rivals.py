#!/usr/bin/env python3
"""One seeder, one leecher or several, one large file: MiniBit beside today's clients.

    cargo build --release && sudo python3 node/benches/rivals.py

Measures, for each client that is installed, the time from the start of the leechers to the last verified and written byte, the
processor time of both ends until then, and the largest anonymous memory of each. Clients take turns, so that a noisy machine
is as noisy for each of them; medians are printed, with the ratio of every client to ours. Everything runs on
loopback in a network namespace of its own (root and iproute2); peers find each other by `node tracker`, alone. Files lie on
a tmpfs unless --directory says otherwise. The file is in the page cache before anything is measured.

    sudo python3 node/benches/rivals.py --clients minibit,minibit:rtorrent,rtorrent:minibit --size 3GiB --runs 1 --limit 240

is the pair that stalls other seeders: rtorrent keeps as many requests open as its rate calls for, three thousand with 1 GiB on
loopback and more than we queue with 3 GiB, and understands no reject.

Clients: aria2, rtorrent and Transmission from Debian, libtorrent from Debian (python3-libtorrent) or PyPI, rqbit by Cargo.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NODE = ROOT / "target" / "release" / "node"
SCRIPT = ROOT / "node" / "tests" / "world" / "interop" / "libtorrent_peer.py"
PYTHONS = ["python3", "/usr/bin/python3"]
TICK = os.sysconf("SC_CLK_TCK")


def address(number):
    return f"10.77.0.{number}"


class Process:
    """A program in the namespace, whose processor time and memory are watched."""

    def __init__(self, namespace, command, log, env=None):
        self.log = log
        self.anon = 0
        full = ["ip", "netns", "exec", namespace, *map(str, command)]
        with open(log, "wb") as out:
            self.child = subprocess.Popen(full, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                          env={**os.environ, **(env or {})})
        self.cpu = 0.0

    def sample(self):
        """Notes processor time and memory as they are now. False when the process has ended."""
        try:
            stat = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
            self.cpu = max(self.cpu, (int(stat[11]) + int(stat[12])) / TICK)
            for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    self.anon = max(self.anon, int(line.split()[1]) / 1024)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat[0] != "Z"

    def reap(self):
        """Waits for a process that has ended by itself, and takes its processor time from the kernel."""
        _, status, usage = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime
        return self.child.returncode

    def kill(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()


# Each client: the command, how it starts as a seeder and as a leecher, and how its end is seen.

def minibit(place, torrent, number, directory, seeds):
    if seeds:
        return [NODE, "seed", torrent, "--dir", directory, "--listen", address(number), "--no-lan", "-q"]
    return [NODE, "get", torrent, "-o", directory, "--listen", address(number), "--no-lan", "-q"]


def aria2(place, torrent, number, directory, seeds):
    role = ["--seed-ratio=0.0", "--bt-seed-unverified=true"] if seeds else ["--seed-time=0"]
    return ["aria2c", "--no-conf", "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false",
            "--enable-peer-exchange=false", "--disable-ipv6=true", "--file-allocation=none", "--quiet",
            f"--interface={address(number)}", "--listen-port=6883", f"--dir={directory}", *role, torrent]


def libtorrent(place, torrent, number, directory, seeds):
    return [python(), SCRIPT, address(number), 6883, torrent, directory]


def rqbit(place, torrent, number, directory, seeds):
    end = [] if seeds else ["--exit-on-finish"]
    return ["rqbit", "--disable-dht", "--disable-dht-persistence", "--disable-upnp-port-forward", "--disable-lsd",
            "--ipv4-only", "--listen-ip", "0.0.0.0", "--listen-port", 6880 + number, "download", "--disable-http-api",
            "--overwrite", "-o", directory, *end, torrent]


def rtorrent(place, torrent, number, directory, seeds):
    session = place / f"session{number}"
    session.mkdir(exist_ok=True)
    settings = place / f"rtorrent{number}.rc"
    settings.write_text(
        f"directory.default.set={directory}\nsession.path.set={session}\nnetwork.port_range.set=6883-6883\n"
        f"network.bind_address.set={address(number)}\nnetwork.local_address.set={address(number)}\n"
        "dht.mode.set=disable\nprotocol.pex.set=no\nprotocol.encryption.set=allow_incoming\nsystem.daemon.set=true\n"
        f"method.set_key=event.download.finished,z,\"execute2=touch,{place}/done{number}\"\n"
        f"schedule2=z,0,0,\"load.start={torrent}\"\n")
    return ["rtorrent", "-n", "-o", f"import={settings}"]


def transmission(place, torrent, number, directory, seeds):
    config = place / f"transmission{number}"
    (config / "torrents").mkdir(parents=True, exist_ok=True)
    hook = place / f"done{number}.sh"
    hook.write_text(f"#!/bin/sh\ntouch {place}/done{number}\n")
    hook.chmod(0o755)
    (config / "settings.json").write_text(json.dumps({
        "bind-address-ipv4": address(number), "peer-port": 6883, "dht-enabled": False, "lpd-enabled": False,
        "pex-enabled": False, "utp-enabled": False, "port-forwarding-enabled": False, "encryption": 0,
        "rpc-enabled": False, "download-dir": str(directory), "script-torrent-done-enabled": True,
        "script-torrent-done-filename": str(hook)}))
    shutil.copy(torrent, config / "torrents")
    return ["transmission-daemon", "-f", "-g", config]


def python():
    for program in PYTHONS:
        if subprocess.run([program, "-c", "import libtorrent"], stderr=subprocess.DEVNULL).returncode == 0:
            return program
    return None


CLIENTS = {
    "minibit": (minibit, lambda: NODE.exists(), "exit"),
    "aria2": (aria2, lambda: shutil.which("aria2c"), "exit"),
    "libtorrent": (libtorrent, python, "says done"),
    "rqbit": (rqbit, lambda: shutil.which("rqbit"), "exit"),
    "rtorrent": (rtorrent, lambda: shutil.which("rtorrent"), "touches"),
    "transmission": (transmission, lambda: shutil.which("transmission-daemon"), "touches"),
}


def size(text):
    units = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    for unit, factor in units.items():
        if text.endswith(unit):
            return int(text.removesuffix(unit)) * factor
    return int(text)


def wait_for_seeder(namespace, info_hash):
    """Until the tracker counts a seed."""
    quoted = "".join(f"%{info_hash[at:at + 2]}" for at in range(0, 40, 2))
    script = (f"import urllib.request as u; "
              f"print(u.urlopen('http://{address(1)}:6969/scrape?info_hash={quoted}', timeout=2).read())")
    for _ in range(1200):
        got = subprocess.run(["ip", "netns", "exec", namespace, sys.executable, "-c", script], capture_output=True)
        if b"8:completei1e" in got.stdout:
            return
        time.sleep(0.05)
    raise SystemExit("the seeder does not get ready")


class Pair:
    """A seeder of one client and leechers of another, measured once."""

    def __init__(self, options, seeder, leecher, torrent, info_hash, origin):
        self.__dict__.update(vars(options), seeder=seeder, leecher=leecher, torrent=torrent, info_hash=info_hash,
                             origin=origin)

    def run(self):
        with tempfile.TemporaryDirectory(dir=self.directory) as name:
            return self.run_in(Path(name))

    def run_in(self, place):
        namespace = f"rivals{os.getpid()}"
        ip = lambda *words: subprocess.run(["ip", *words], check=True)
        ip("netns", "add", namespace)
        processes = []
        start = lambda command, log: processes.append(Process(namespace, command, place / log)) or processes[-1]
        try:
            ip("-n", namespace, "link", "set", "lo", "up")
            for number in range(1, 3 + self.leechers):
                ip("-n", namespace, "addr", "add", f"{address(number)}/32", "dev", "lo")
            start([NODE, "tracker", "--listen", f"{address(1)}:6969"], "tracker.log")
            time.sleep(0.2)
            command, _, _ = CLIENTS[self.seeder]
            seed = start(command(place, self.torrent, 2, self.origin.parent, True), "seed.log")
            wait_for_seeder(namespace, self.info_hash)
            seed.sample()
            before = seed.cpu
            command, _, end = CLIENTS[self.leecher]
            leeches = []
            began = time.monotonic()
            for number in range(3, 3 + self.leechers):
                directory = place / f"copy{number}"
                directory.mkdir()
                leeches.append(start(command(place, self.torrent, number, directory, False), f"leech{number}.log"))
            waiting = dict(zip(range(3, 3 + self.leechers), leeches))
            while waiting:
                if time.monotonic() - began > self.limit:
                    return None
                for number, leech in list(waiting.items()):
                    alive = leech.sample()
                    if end == "exit":
                        done = not alive
                        if done and leech.reap() != 0:
                            sys.stderr.write(leech.log.read_text(errors="replace")[-2000:])
                            return None
                    elif end == "says done":
                        done = b"done" in leech.log.read_bytes()
                    else:
                        done = (place / f"done{number}").exists()
                    if done:
                        waiting.pop(number)
                seed.sample()
                time.sleep(0.005)
            wall = time.monotonic() - began
            for number in range(3, 3 + self.leechers):
                same = subprocess.run(["cmp", "-s", self.origin, place / f"copy{number}" / self.origin.name])
                if same.returncode != 0:
                    raise SystemExit(f"{self.leecher}: other bytes arrived")
            cpu_leech = sum(leech.cpu for leech in leeches)
            return dict(wall=wall, seed=seed.cpu - before, leech=cpu_leech, cpu=seed.cpu - before + cpu_leech,
                        seed_anon=seed.anon, leech_anon=max(leech.anon for leech in leeches))
        finally:
            for process in reversed(processes):
                process.kill()
            ip("netns", "del", namespace)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=size, default=size("1GiB"), help="of the file, such as 256MiB [1GiB]")
    parser.add_argument("--piece", default="1 MiB", help="length of a piece [1 MiB]")
    parser.add_argument("--leechers", type=int, default=1, help="at the same time [1]")
    parser.add_argument("--runs", type=int, default=5, help="of each client [5]")
    parser.add_argument("--limit", type=float, default=60, help="seconds after which a client is given up [60]")
    parser.add_argument("--directory", default="/dev/shm", help="where the files are [/dev/shm]")
    parser.add_argument("--clients", default="minibit,aria2,libtorrent,rqbit,rtorrent",
                        help="of " + ", ".join(CLIENTS) + "; SEEDER:LEECHER for a pair of different ones")
    options = parser.parse_args()
    pairs = [tuple(name.split(":")) if ":" in name else (name, name) for name in options.clients.split(",")]
    for name in sorted({name for pair in pairs for name in pair}):
        if not CLIENTS[name][1]():
            print(f"{name} is not installed: left out", file=sys.stderr)
            pairs = [pair for pair in pairs if name not in pair]
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        origin = Path(name) / "origin" / "file.bin"
        origin.parent.mkdir()
        with open(origin, "wb") as file:
            for _ in range(0, options.size, 1 << 20):
                file.write(os.urandom(1 << 20))
        torrent = Path(name) / "file.torrent"
        tracker = f"http://{address(1)}:6969/announce"
        subprocess.run([NODE, "create", origin, "-o", torrent, "-l", options.piece, "--tracker", tracker], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shown = subprocess.run([NODE, "inspect", "--json", torrent], check=True, capture_output=True)
        info_hash = json.loads(shown.stdout)["info_hash"]
        results = {pair: [] for pair in pairs}
        for run in range(options.runs):
            for pair in pairs:
                if None in results[pair]:
                    continue
                result = Pair(options, *pair, torrent, info_hash, origin).run()
                results[pair].append(result)
                shown = f"{result['wall']:.2f} s, {result['cpu']:.2f} CPU-s" if result else "did not finish"
                print(f"run {run + 1}: {' -> '.join(pair)}: {shown}", file=sys.stderr)
    report(results, options)


def report(results, options):
    print(f"\n{options.size >> 20} MiB to {options.leechers}, pieces of {options.piece}, {options.directory}, "
          f"medians of {options.runs}")
    print(f"{'seeder -> leecher':26}{'wall s':>8} {'(min-max)':>14}{'CPU s':>8} {'seed+leech':>12}"
          f"{'anon MiB':>12}{'wall x':>9}{'CPU x':>8}")
    ours = None
    for pair, runs in results.items():
        name = pair[0] if pair[0] == pair[1] else " -> ".join(pair)
        if not runs or None in runs:
            print(f"{name:26}  did not finish within {options.limit:.0f} s")
            continue
        median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        walls = [run["wall"] for run in runs]
        ours = ours or median
        print(f"{name:26}{median['wall']:8.2f} {f'({min(walls):.2f}-{max(walls):.2f})':>14}{median['cpu']:8.2f} "
              f"{median['seed']:6.2f}+{median['leech']:5.2f}{median['seed_anon']:6.0f}/{median['leech_anon']:4.0f}"
              f"{median['wall'] / ours['wall']:9.2f}{median['cpu'] / ours['cpu']:8.2f}")


if __name__ == "__main__":
    main()
