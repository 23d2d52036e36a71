"""A client of S1, the first MiniBit, from core/PROTOCOLS.md: a tracker with commands, peers that choke.

Every 5 s it asks the tracker for peers, connects to new ones, and asks one of those who do not choke it for the rarest piece
that it lacks. Every 10 s it draws from the interested peers four regular ones and an optimistic one, and tells those who were
not drawn before, or are no more. It leaves the messages that our node adds (`bitfield`, `interested`) unread, as a client of
the original would: what others have it hears from the tracker and from `have`, and who lacks something that it has is interested.
"""

import random
import socket
import threading
import time

import common

# Peers that are served at a time: four regular ones and an optimistic one, drawn alike.
SLOTS = 4 + 1


class Peer:
    """A connection to another peer."""

    def __init__(self, sock, name):
        self.socket, self.name = sock, name
        self.blocks = set()
        # Both directions begin choked.
        self.chokes_us = self.choked = True
        # Who chokes us learns that we are interested by being asked once all the same.
        self.was_asked = False
        self.asked_for = None

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
        self.desk = threading.Lock()
        self.listener = common.Listener(options.listen, options.port, self.arrived)
        # Registered is who keeps this connection.
        self.tracker = socket.create_connection(options.tracker, common.PATIENCE)
        about = self.ask_tracker("REGISTER", port=self.listener.port, blocks=[])
        self.pieces = common.Pieces(options.out, about["file"], about["size"], about["block_size"],
                                    common.digests(about["hashes"]))
        if about["total_blocks"] != self.pieces.count:
            raise ValueError("the tracker counts other blocks")
        self.listener.start()

    # The tracker.

    def ask_tracker(self, command, **rest):
        """Asks one thing; there is one answer to each command."""
        with self.desk:
            common.send_frame(self.tracker, command=command, peer_id=self.options.id, file=self.options.file, **rest)
            answer = common.receive_frame(self.tracker)
        if answer is None or answer["status"] != "ok":
            raise ValueError(f"the tracker answers {answer} to {command}")
        return answer

    def meet(self):
        """Connects to peers that are new, and takes note of what the others have."""
        for listed in self.ask_tracker("GET_PEERS")["peers"]:
            with self.lock:
                known = [peer for peer in self.peers if peer.name == listed["peer_id"]]
            for peer in known:
                peer.blocks.update(listed["blocks"])
            if not known:
                common.in_background(self.dial, listed)

    # Connections.

    def dial(self, listed):
        """Connects to a peer of the tracker's list and stays."""
        try:
            with socket.create_connection((listed["ip"], listed["port"]), common.PATIENCE) as sock:
                sock.settimeout(None)
                self.greet(sock)
                self.talk(sock, set(listed["blocks"]))
        except (OSError, ValueError, KeyError) as error:
            common.log(f"{listed}: {error!r}")

    def arrived(self, sock):
        """Somebody has connected to us."""
        self.greet(sock)
        self.talk(sock, set())

    def greet(self, sock):
        """Handshakes are exchanged: both ends send theirs at once."""
        common.send_frame(sock, type="handshake", peer_id=self.options.id, file=self.options.file)

    def talk(self, sock, blocks):
        """Listens to a peer until it goes."""
        hello = common.receive_frame(sock)
        if hello is None or hello.get("type") != "handshake":
            raise ValueError(f"{hello} in place of a handshake")
        peer = Peer(sock, hello["peer_id"])
        peer.blocks = blocks
        with self.lock:
            self.peers.append(peer)
        common.log(f"{peer.name} is here")
        try:
            # What we have it hears as it would have heard it piece by piece.
            for index in self.pieces.held():
                peer.send("have", block_index=index)
            while (message := common.receive_frame(sock)) is not None:
                self.heard(peer, message)
        finally:
            with self.lock:
                self.peers.remove(peer)

    def heard(self, peer, message):
        """A message of a peer."""
        match message.get("type"):
            case "have":
                peer.blocks.add(message["block_index"])
            case "choke":
                peer.chokes_us, peer.asked_for = True, None
            case "unchoke":
                peer.chokes_us = False
                self.ask(peer)
            case "request_block":
                # A request from a choked peer is not served.
                data = None if peer.choked else self.pieces.get(message["block_index"])
                if data is not None:
                    peer.send("block_data", block_index=message["block_index"], data=common.to_base64(data))
            case "block_data":
                peer.asked_for = None
                self.received(message["block_index"], common.from_base64(message["data"]))

    def received(self, index, data):
        """A piece has come: everybody is told."""
        if not self.pieces.put(index, data):
            return
        with self.lock:
            others = list(self.peers)
        for peer in others:
            peer.send("have", block_index=index)
        self.ask_tracker("UPDATE_BLOCKS", blocks=[index])

    # Rhythms.

    def ask_for_rarest(self):
        """One request to one peer: for the rarest piece, of those who have it and do not choke us."""
        with self.lock:
            willing = [peer for peer in self.peers if self.may_ask(peer)]
        wanted = [index for index in self.pieces.missing() if any(index in peer.blocks for peer in willing)]
        if not wanted:
            return
        rarest = min(self.rarity(index) for index in wanted)
        index = random.choice([index for index in wanted if self.rarity(index) == rarest])
        self.request(random.choice([peer for peer in willing if index in peer.blocks]), index)

    def ask(self, peer):
        """The same of one peer, which has just begun to serve us."""
        wanted = [index for index in self.pieces.missing() if index in peer.blocks]
        if wanted and self.may_ask(peer):
            self.request(peer, min(wanted, key=lambda index: (self.rarity(index), random.random())))

    @staticmethod
    def may_ask(peer):
        """Is there anything to gain from a request?"""
        return peer.asked_for is None and not (peer.chokes_us and peer.was_asked)

    def request(self, peer, index):
        """Asks for a piece. Of one who chokes us no answer is waited for."""
        peer.was_asked = True
        peer.asked_for = None if peer.chokes_us else index
        peer.send("request_block", block_index=index)

    def rarity(self, index):
        """How many peers have a piece."""
        with self.lock:
            return sum(index in peer.blocks for peer in self.peers)

    def choke_round(self):
        """Four of the interested peers and an optimistic one; the differences to the last round are told."""
        held = set(self.pieces.held())
        with self.lock:
            interested = [peer for peer in self.peers if held - peer.blocks]
            others = list(self.peers)
        served = random.sample(interested, min(SLOTS, len(interested)))
        for peer in others:
            if peer.choked != (peer not in served):
                peer.choked = not peer.choked
                peer.send("choke" if peer.choked else "unchoke")

    def every(self, seconds, work):
        """Does something again and again."""
        while True:
            work()
            time.sleep(seconds * self.options.second)

    def round(self):
        """What happens every 5 s."""
        self.meet()
        self.ask_for_rarest()
        common.log(f"{len(self.pieces.held())} of {self.pieces.count} blocks, {len(self.peers)} peers")

    def run(self):
        """Downloads, and then serves others."""
        common.in_background(self.every, 5, self.round)
        common.in_background(self.every, 10, self.choke_round)
        common.serve_until_stdin_closes(lambda: self.pieces.served)


def main():
    """The command line."""
    parser = common.arguments(__doc__)
    parser.add_argument("--file", required=True, help="the file's name, all that is known of it")
    Client(parser.parse_args()).run()


if __name__ == "__main__":
    main()
