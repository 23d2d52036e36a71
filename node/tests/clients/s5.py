"""A client of S5, the third MiniBit, from core/PROTOCOLS.md: everybody is connected with everybody, and the tracker seeds.

It registers, connects to all who are listed, and hears of those who come later. Everybody sends everybody its inventory, again
and again. A pull loop takes the least frequent block over the known inventories, at random among equals, from a holder drawn at
random; while no holder is known it asks everybody. The file's hash is compared at the end, where the tracker has told one. It
reports its time and its messages.
"""

import hashlib
import random
import socket
import threading
import time
from collections import Counter

import common

# Between two inventories, and between two requests, in seconds.
INVENTORY, REQUEST = 4, 1


class Peer:
    """A connection to another peer, or to the tracker as one."""

    def __init__(self, sock):
        self.socket, self.name = sock, None
        self.blocks = set()


class Client:
    """The whole of it."""

    def __init__(self, options):
        self.options = options
        self.began = time.monotonic()
        self.sent = Counter()
        self.peers = []
        self.dialled = set()
        self.lock = threading.RLock()
        self.listener = common.Listener(options.listen, options.port, self.talk)
        self.tracker = socket.create_connection(options.tracker, common.PATIENCE)
        self.tracker.settimeout(None)
        about = self.register()
        self.pieces = common.Pieces(options.out, about["arquivo"], about["tamanho"], about["tamanho_bloco"],
                                    common.digests(about["hashes"]))
        if about["total_blocos"] != self.pieces.count:
            raise ValueError("the tracker counts other blocks")
        self.hash = about.get("hash")
        self.listener.start()
        if self.options.one_connection:
            # The tracker is a peer on the connection of the registration, too.
            self.dialled.add("tracker")
            self.seed = Peer(self.tracker)
            self.tell_inventory(self.seed)
            self.peers.append(self.seed)
        for listed in about["peers"]:
            self.meet(listed)

    # The tracker.

    def register(self):
        """Registers; the answer is the list of all others, and the file's description."""
        common.send_frame(self.tracker, tipo="REGISTRO", id=self.options.id, porta=self.listener.port)
        while (answer := common.receive_frame(self.tracker)) is not None:
            if answer["tipo"] == "LISTA_PEERS":
                return answer
            if answer["tipo"] == "ERRO":
                break
        raise ValueError(f"the tracker answers {answer}")

    def hear_of_others(self):
        """The tracker tells of those who come later. Registered is who keeps this connection."""
        while (message := common.receive_frame(self.tracker)) is not None:
            if message["tipo"] == "NOVO_PEER":
                self.meet(message)
            elif self.options.one_connection:
                self.heard(self.seed, message)
        common.log("the tracker is gone")

    # Connections.

    def meet(self, listed):
        """Connects to a peer, unless it was done before."""
        if listed["id"] != self.options.id and listed["id"] not in self.dialled:
            self.dialled.add(listed["id"])
            common.in_background(self.dial, listed["ip"], listed["porta"])

    def dial(self, ip, port):
        """Connects and stays."""
        try:
            with socket.create_connection((ip, port), common.PATIENCE) as sock:
                sock.settimeout(None)
                self.talk(sock)
        except (OSError, ValueError, KeyError) as error:
            common.log(f"{ip}:{port}: {error!r}")

    def talk(self, sock):
        """Tells a peer what we have, and listens to it until it goes."""
        peer = Peer(sock)
        self.tell_inventory(peer)
        with self.lock:
            self.peers.append(peer)
        try:
            while (message := common.receive_frame(sock)) is not None:
                self.heard(peer, message)
        finally:
            with self.lock:
                self.peers.remove(peer)

    def send(self, peer, kind, **rest):
        """Sends a message, and counts it. Who is gone is noticed where we read."""
        try:
            common.send_frame(peer.socket, tipo=kind, **rest)
            self.sent[kind] += 1
        except OSError:
            pass

    def tell_inventory(self, peer):
        """Says what is here."""
        self.send(peer, "ESTOQUE", id=self.options.id, porta=self.listener.port, blocos=self.pieces.held())

    def heard(self, peer, message):
        """A message of a peer."""
        match message.get("tipo"):
            case "ESTOQUE":
                peer.name, peer.blocks = message["id"], set(message["blocos"])
            case "PEDIDO":
                data = self.pieces.get(message["bloco"])
                if data is not None:
                    self.send(peer, "BLOCO", bloco=message["bloco"], dados=common.to_base64(data))
            case "BLOCO":
                if self.pieces.put(message["bloco"], common.from_base64(message["dados"])):
                    if self.pieces.complete.is_set():
                        self.report()

    # Rhythms.

    def tell_inventories(self):
        """Everybody is told what is here, again and again."""
        while True:
            time.sleep(INVENTORY * self.options.second)
            with self.lock:
                peers = list(self.peers)
            for peer in peers:
                self.tell_inventory(peer)

    def pull(self):
        """One request after the other until nothing is missing."""
        while missing := self.pieces.missing():
            with self.lock:
                peers = list(self.peers)
            frequency = {index: sum(index in peer.blocks for peer in peers) for index in missing}
            known = [index for index in missing if frequency[index] > 0]
            if known:
                least = min(frequency[index] for index in known)
                index = random.choice([index for index in known if frequency[index] == least])
                blocks_by_frequency = dict(sorted(Counter(frequency.values()).items()))
                common.log(f"block {index} of frequency {least}; blocks by frequency: {blocks_by_frequency}")
                self.send(random.choice([peer for peer in peers if index in peer.blocks]), "PEDIDO", bloco=index)
            else:
                index = random.choice(missing)
                for peer in peers:
                    self.send(peer, "PEDIDO", bloco=index)
            time.sleep(REQUEST * self.options.second)

    def report(self):
        """The whole file's hash, the time, and the messages."""
        if self.hash is not None:
            with open(self.pieces.path, "rb") as file:
                common.say("hash", "equal" if hashlib.sha1(file.read()).hexdigest() == self.hash else "DIFFERENT")
        common.log(f"{time.monotonic() - self.began:.2f} s, {self.sent.total()} messages: {dict(self.sent)}")

    def run(self):
        """Downloads, and then serves others."""
        for work in (self.hear_of_others, self.tell_inventories, self.pull):
            common.in_background(work)
        common.serve_until_stdin_closes(lambda: self.pieces.served)


def main():
    """The command line."""
    parser = common.arguments(__doc__)
    parser.add_argument("--one-connection", action="store_true",
                        help="speak to the tracker as to a peer on the connection over which we are registered")
    Client(parser.parse_args()).run()


if __name__ == "__main__":
    main()
