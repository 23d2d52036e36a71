"""A client of S3, the P2P simulator, from core/PROTOCOLS.md: a tracker that speaks datagrams, and one connection for each piece.

It joins, and gets the list of all other peers with their pieces. Of those that it lacks it takes the rarest, from a random
holder: connects, asks, reads the bytes, whose number it checks, and the connection is over. `UPDATE` goes to the tracker every
30 s and at once after each new piece. The file is there in its full length from the beginning. Nothing on the wire describes the
file, so every peer has its description beforehand: here a torrent file.
"""

import random
import re
import socket
import threading
import time

import common

# Between two UPDATEs, and before the list is asked for again while there is nobody to ask, in seconds.
UPDATE_EVERY, JOIN_AGAIN = 30, 1
# Times that a JOIN is sent, and how long its answer is waited for, in seconds.
TRIES, ANSWER = 5, 2


def read_bencode(data, at=0):
    """The value that begins at `at`, and where it ends (BEP 3)."""
    kind = data[at:at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1:end]), end + 1
    if kind in (b"l", b"d"):
        values, at = [], at + 1
        while data[at:at + 1] != b"e":
            value, at = read_bencode(data, at)
            values.append(value)
        return (dict(zip(values[::2], values[1::2])) if kind == b"d" else values), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1:end], end


def read_torrent(path, directory):
    """The pieces that a torrent file of one file describes."""
    with open(path, "rb") as file:
        info = read_bencode(file.read())[0][b"info"]
    hashes = [info[b"pieces"][at:at + 20] for at in range(0, len(info[b"pieces"]), 20)]
    return common.Pieces(directory, info[b"name"].decode(), info[b"length"], info[b"piece length"], hashes)


def to_ranges(indices):
    """Numbers in order as text: `0-4,7`."""
    ranges = []
    for index in indices:
        if ranges and ranges[-1][1] == index - 1:
            ranges[-1][1] = index
        else:
            ranges.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def from_ranges(text):
    """And back."""
    indices = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        indices.update(range(int(first), int(last or first) + 1))
    return indices


def own_address(tracker):
    """The address from which the way to the tracker begins. No datagram is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(tracker)
        return probe.getsockname()[0]


class Client:
    """The whole of it."""

    def __init__(self, options):
        self.options = options
        self.pieces = read_torrent(options.torrent, options.out)
        self.ip = own_address(options.tracker)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.connect(options.tracker)
        self.lock = threading.Lock()
        self.swarm = f" #{options.swarm}" if options.swarm else ""
        self.listener = common.Listener(self.ip, options.port, self.serve)
        self.listener.start()

    # The tracker.

    def join(self):
        """All other peers, as pairs of an address and the pieces there. The answer may be that we are to show a cookie."""
        request = join = f"JOIN {self.ip} {self.listener.port}{self.swarm}"
        for _ in range(TRIES):
            word, _, rest = self.exchange(request).partition(" ")
            if word == "COOKIE":
                request = f"{join} {rest.strip()}"
            elif word == "PEERLIST":
                return [((ip, int(port)), from_ranges(held)) for ip, port, held in
                        re.findall(r"(\d+\.\d+\.\d+\.\d+):(\d+)\[([\d,-]*)\]", rest)]
        raise ValueError("the tracker does not answer")

    def exchange(self, request):
        """Sends a datagram and waits for one."""
        with self.lock:
            self.udp.settimeout(ANSWER)
            try:
                self.udp.send(request.encode())
                return self.udp.recv(1 << 16).decode()
            except OSError:
                return ""

    def update(self):
        """Tells what we have; there is no answer."""
        held = to_ranges(self.pieces.held())
        try:
            self.udp.send(f"UPDATE {self.ip} {self.listener.port} [{held}]{self.swarm}".encode())
        except OSError as error:
            common.log(f"no tracker: {error}")

    def update_again_and_again(self):
        """The tracker forgets who is silent."""
        while True:
            time.sleep(UPDATE_EVERY * self.options.second)
            self.update()

    # Pieces.

    def download(self):
        """Takes one piece after the other until there is nothing more to take."""
        while not self.pieces.complete.is_set():
            missing, peers = set(self.pieces.missing()), self.join()
            holders = {index: [address for address, held in peers if index in held] for index in missing}
            wanted = [index for index in missing if holders[index]]
            if not wanted:
                time.sleep(JOIN_AGAIN * self.options.second)
                continue
            fewest = min(len(holders[index]) for index in wanted)
            index = random.choice([index for index in wanted if len(holders[index]) == fewest])
            source = random.choice(holders[index])
            if self.fetch(index, source):
                self.update()
            else:
                common.log(f"no piece {index} from {source}")
                time.sleep(JOIN_AGAIN * self.options.second / 10)

    def fetch(self, index, source):
        """One connection, one piece; is it here and right?"""
        try:
            with socket.create_connection(source, common.PATIENCE) as sock:
                sock.sendall(f"GET {index}{self.swarm}\n".encode())
                data = common.receive_exactly(sock, self.pieces.length(index))
        except OSError as error:
            common.log(f"{source}: {error}")
            return False
        return data is not None and self.pieces.put(index, data)

    def serve(self, sock):
        """A piece for somebody who has connected. What is not here is answered with the end of the connection."""
        sock.settimeout(common.PATIENCE)
        words = sock.makefile("rb").readline(200).split()
        if len(words) >= 2 and words[0] == b"GET":
            data = self.pieces.get(int(words[1]))
            if data is not None:
                sock.sendall(data)

    def run(self):
        """Downloads, and then serves others."""
        common.in_background(self.update_again_and_again)
        common.in_background(self.download)
        common.serve_until_stdin_closes(lambda: self.pieces.served)


def main():
    """The command line."""
    parser = common.arguments(__doc__)
    parser.add_argument("--torrent", required=True, metavar="FILE", help="describes the file")
    parser.add_argument("--swarm", metavar="INFO_HASH", help="which swarm, where the tracker has several")
    Client(parser.parse_args()).run()


if __name__ == "__main__":
    main()
