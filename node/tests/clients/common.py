"""What the five clients share and no system decides: a file in pieces, frames of JSON, a listening port, a beginning and an end.

A client says on standard output, one line each, `listening PORT`, `complete SHA256` when it has the file, and `served COUNT` at
its end, which comes when its standard input is closed. What else it has to say goes to standard error.
"""

import argparse
import base64
import hashlib
import json
import os
import socket
import struct
import sys
import threading

# No message of these systems is longer: a block of 4 MiB in base64, and something around it.
LONGEST_FRAME = 8 << 20
# Somebody who does not answer for so long, in seconds, does not answer.
PATIENCE = 10


def arguments(description):
    """The options that every client has. `parse_args` is left to the client, which may have some of its own."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--tracker", required=True, metavar="HOST:PORT", type=address)
    parser.add_argument("--listen", default="127.0.0.1", metavar="IP", help="our own address")
    parser.add_argument("--port", default=0, type=int, help="our own port; 0: any that is free")
    parser.add_argument("--out", default=".", metavar="DIR", help="where the file goes")
    parser.add_argument("--id", default=f"py-{os.getpid()}", help="what we call ourselves")
    parser.add_argument("--second", default=1.0, type=float, metavar="SECONDS",
                        help="how long a second of the system's rhythms lasts; less than 1: everything goes faster")
    return parser


def address(text):
    """`HOST:PORT` as a pair."""
    host, _, port = text.rpartition(":")
    return host, int(port)


def log(*words):
    """Says something to a person."""
    print(*words, file=sys.stderr, flush=True)


def say(*words):
    """Says something to whoever has started us."""
    print(*words, flush=True)


def send_frame(sock, **message):
    """Sends an object: four bytes of length, the most significant first, then JSON. One `sendall`, so threads do not mix."""
    text = json.dumps(message).encode()
    sock.sendall(struct.pack(">I", len(text)) + text)


def receive_frame(sock):
    """The next object; `None` at the end of the connection."""
    head = receive_exactly(sock, 4)
    if head is None:
        return None
    (length,) = struct.unpack(">I", head)
    if length > LONGEST_FRAME:
        raise ValueError(f"a frame of {length} bytes")
    text = receive_exactly(sock, length)
    return None if text is None else json.loads(text)


def receive_exactly(sock, length):
    """So many bytes; `None` when the connection ends before."""
    parts = []
    while length > 0:
        part = sock.recv(min(length, 1 << 16))
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def to_base64(data):
    """Bytes as text."""
    return base64.b64encode(data).decode()


def from_base64(text):
    """And back."""
    return base64.b64decode(text, validate=True)


def digests(text):
    """The SHA-1 hashes of all pieces out of the base64 in which trackers send them."""
    joined = from_base64(text)
    return [joined[at:at + 20] for at in range(0, len(joined), 20)]


def in_background(work, *given):
    """Runs something beside everything else, and no longer than the program."""
    threading.Thread(target=work, args=given, daemon=True).start()


class Listener:
    """A port at which each connection is handed to `serve` on a thread of its own."""

    def __init__(self, ip, port, serve):
        self.socket = socket.create_server((ip, port))
        self.port = self.socket.getsockname()[1]
        self.serve = serve
        say("listening", self.port)

    def start(self):
        """Takes everybody in from now on."""
        in_background(self._accept)

    def _accept(self):
        while True:
            sock, _ = self.socket.accept()
            in_background(self._hand_on, sock)

    def _hand_on(self, sock):
        with sock:
            try:
                self.serve(sock)
            except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
                log(f"a connection ends: {error!r}")


class Pieces:
    """A file in pieces, each checked before it is written to its place. Until it is complete its name ends in `.part`."""

    def __init__(self, directory, name, size, piece_len, hashes):
        self.path = os.path.join(directory, os.path.basename(name))
        self.size, self.piece_len, self.hashes = size, piece_len, hashes
        self.count = -(-size // piece_len)
        if len(hashes) != self.count:
            raise ValueError(f"{len(hashes)} hashes for {self.count} pieces")
        self.have = set()
        self.complete = threading.Event()
        self.served = 0
        self.lock = threading.RLock()
        self.file = open(self.path + ".part", "w+b")
        # All of its room is taken at once; pieces are written in place.
        self.file.truncate(size)

    def length(self, index):
        """Of a piece in bytes; the last one may be shorter."""
        return min(self.piece_len, self.size - index * self.piece_len)

    def missing(self):
        """What is not here."""
        with self.lock:
            return [index for index in range(self.count) if index not in self.have]

    def held(self):
        """What is here, in order."""
        with self.lock:
            return sorted(self.have)

    def put(self, index, data):
        """Takes a piece if it is right and new; is it?"""
        if not 0 <= index < self.count or len(data) != self.length(index):
            return False
        if hashlib.sha1(data).digest() != self.hashes[index]:
            log(f"piece {index} is wrong")
            return False
        with self.lock:
            if index in self.have:
                return False
            self.file.seek(index * self.piece_len)
            self.file.write(data)
            self.have.add(index)
            if len(self.have) == self.count:
                self._finish()
        return True

    def get(self, index):
        """A piece for somebody else; `None` when it is not here."""
        with self.lock:
            if index not in self.have:
                return None
            self.served += 1
            self.file.seek(index * self.piece_len)
            return self.file.read(self.length(index))

    def _finish(self):
        self.file.flush()
        os.replace(self.path + ".part", self.path)
        self.file.seek(0)
        say("complete", hashlib.sha256(self.file.read()).hexdigest())
        self.complete.set()


def serve_until_stdin_closes(served):
    """Others are served on their threads; the end is whoever has started us closing our standard input."""
    sys.stdin.read()
    say("served", served())
    # Threads wait in sockets, where nothing else would wake them.
    sys.stdout.flush()
    os._exit(0)
