"""A client of S2, the second MiniBit, from core/PROTOCOLS.md: the tracker owns the file and is a peer with every piece.

It registers, takes the tracker's list (all others while they are fewer than five, else five of them), sends its inventory to
everybody it knows, asks for the rarest piece, one request per connection, and announces each new one. It serves those who
have contributed, and one other, drawn again and again.
"""

import random
import socket
import threading
import time

import common

# How often the list is asked for again, the optimistic slot is drawn, and an unanswered request is given up, in seconds.
ROUND = 2


class Peer:
    """A connection to another peer, or to the tracker as one."""

    def __init__(self, sock, name):
        self.socket, self.name = sock, name
        self.blocks = set()
        self.gave = 0
        self.is_served = False
        self.serves_us = False
        self.asked_for, self.asked_at = None, 0.0

    def send(self, kind, **rest):
        """Sends a message. Who is gone is noticed where we read."""
        try:
            common.send_frame(self.socket, type=kind, **rest)
        except OSError:
            pass


class Client:
    """The whole of it."""

    def __init__(self, options):
        self.options = options
        self.peers = []
        self.lock = threading.RLock()
        self.listener = common.Listener(options.listen, options.port, lambda sock: self.talk(sock, None))
        # The tracker as a peer on the connection of the registration, where that is wanted.
        self.seed = None
        self.tracker = socket.create_connection(options.tracker, common.PATIENCE)
        about = self.register()
        self.tracker.settimeout(None)
        self.pieces = common.Pieces(options.out, about["file"], about["size"], about["block_size"],
                                    common.digests(about["hashes"]))
        self.listener.start()
        if options.one_connection:
            self.seed = self.opened(self.tracker, "tracker")

    # The tracker.

    def register(self):
        """Registers; the answer describes the file."""
        file = {} if self.options.file is None else {"file": self.options.file}
        common.send_frame(self.tracker, type="register_peer", peer_id=self.options.id, port=self.listener.port, **file)
        answer = common.receive_frame(self.tracker)
        if answer is None or answer["type"] != "registered":
            raise ValueError(f"the tracker answers {answer}")
        return answer

    def ask_for_peers(self):
        """Asks for the list, which comes among whatever else is said on this connection."""
        try:
            common.send_frame(self.tracker, type="get_peers", peer_id=self.options.id)
        except OSError as error:
            common.log(f"the tracker cannot be asked: {error!r}")

    def hear_tracker(self):
        """What the tracker says, and what it says as a peer. Registered is who keeps this connection."""
        try:
            while (message := common.receive_frame(self.tracker)) is not None:
                if message["type"] == "peers":
                    self.meet(message["peers"])
                elif message["type"] == "error":
                    common.log(f"the tracker says {message}")
                elif self.seed is not None:
                    self.heard(self.seed, message)
                    self.ask(self.seed)
        except OSError as error:
            common.log(repr(error))
        common.log("the tracker is gone")
        if self.seed is not None:
            with self.lock:
                self.peers.remove(self.seed)

    def meet(self, listed):
        """Connects to peers that are new; the tracker is in its own list."""
        for peer in listed:
            name = peer["peer_id"]
            with self.lock:
                known = any(other.name == name for other in self.peers)
            if not known:
                common.in_background(self.dial, name, peer["ip"], peer["port"])

    # Connections.

    def dial(self, name, ip, port):
        """Connects to a peer and stays."""
        try:
            with socket.create_connection((ip, port), common.PATIENCE) as sock:
                sock.settimeout(None)
                self.talk(sock, name)
        except (OSError, ValueError, KeyError) as error:
            common.log(f"{name}: {error!r}")

    def opened(self, sock, name):
        """Tells somebody what we have, who is one of our peers from now on."""
        peer = Peer(sock, name)
        peer.send("have_blocks", peer_id=self.options.id, blocks=self.pieces.held())
        with self.lock:
            self.peers.append(peer)
        return peer

    def talk(self, sock, name):
        """Tells a peer what we have, and listens to it until it goes."""
        peer = self.opened(sock, name)
        try:
            while (message := common.receive_frame(sock)) is not None:
                self.heard(peer, message)
                self.ask(peer)
        finally:
            with self.lock:
                self.peers.remove(peer)

    def heard(self, peer, message):
        """A message of a peer."""
        match message.get("type"):
            case "have_blocks":
                peer.name = peer.name or message.get("peer_id")
                peer.blocks.update(message["blocks"])
                self.serve_some()
            case "announce_block":
                peer.blocks.add(message["block"])
            case "choke":
                peer.serves_us, peer.asked_for = False, None
            case "unchoke":
                peer.serves_us = True
            case "block_request":
                data = self.pieces.get(message["block"]) if peer.is_served else None
                if data is not None:
                    peer.send("block_data", block=message["block"], data=common.to_base64(data))
            case "block_data":
                peer.asked_for = None
                if self.pieces.put(message["block"], common.from_base64(message["data"])):
                    peer.gave += 1
                    self.announce(message["block"])

    def announce(self, index):
        """Everybody hears of a new block."""
        with self.lock:
            others = list(self.peers)
        for peer in others:
            peer.send("announce_block", block=index)

    def ask(self, peer):
        """Asks for the rarest block that this peer has and nobody was asked for; one request at a time."""
        with self.lock:
            now = time.monotonic()
            late = now - ROUND * self.options.second * 5
            if not peer.serves_us or (peer.asked_for is not None and peer.asked_at > late):
                return
            asked = {other.asked_for for other in self.peers if other.asked_at > late}
            wanted = [index for index in self.pieces.missing() if index in peer.blocks]
            # What somebody else was asked for comes last, should they never send it.
            wanted.sort(key=lambda index: (index in asked, self.holders(index), random.random()))
            if not wanted:
                return
            peer.asked_for, peer.asked_at = wanted[0], now
        peer.send("block_request", block=peer.asked_for)

    def holders(self, index):
        """How many peers have a block."""
        return sum(index in peer.blocks for peer in self.peers)

    def serve_some(self):
        """Those who have contributed are served, and one of the others."""
        with self.lock:
            peers = list(self.peers)
        others = [peer for peer in peers if peer.gave == 0 and len(peer.blocks) < self.pieces.count]
        lucky = random.choice(others) if others else None
        for peer in peers:
            is_served = peer.gave > 0 or peer is lucky
            if is_served != peer.is_served:
                peer.is_served = is_served
                peer.send("unchoke" if is_served else "choke")

    def rounds(self):
        """What happens again and again."""
        while True:
            self.ask_for_peers()
            self.serve_some()
            with self.lock:
                peers = list(self.peers)
            for peer in peers:
                self.ask(peer)
            common.log(f"{len(self.pieces.held())} of {self.pieces.count} blocks, {len(peers)} peers")
            time.sleep(ROUND * self.options.second)

    def run(self):
        """Downloads, and then serves others."""
        for work in (self.hear_tracker, self.rounds):
            common.in_background(work)
        common.serve_until_stdin_closes(lambda: self.pieces.served)


def main():
    """The command line."""
    parser = common.arguments(__doc__)
    parser.add_argument("--file", help="the file's name; without it, the first one that the tracker owns")
    parser.add_argument("--one-connection", action="store_true",
                        help="speak to the tracker as to a peer on the connection over which we are registered")
    Client(parser.parse_args()).run()


if __name__ == "__main__":
    main()
