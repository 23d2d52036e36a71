"""A client of S4, the P2P network for file transmission, from core/PROTOCOLS.md: a catalogue of names, text lines, many sources.

It searches the tracker for a name, asks a source for the file's size, cuts that into chunks, and one worker per source drains
the shared queue of chunks. Who fails gives its chunk back, and leaves. Then the file is put together and listed for others.
Chunks are its own affair: they need not be the pieces of whoever serves them.
"""

import hashlib
import os
import queue
import socket
import threading
import time
from urllib.parse import quote, unquote

import common

# Between two heartbeats, and before a name is searched again, in seconds.
HEARTBEAT, SEARCH_AGAIN = 30, 1


class Line:
    """A connection on which lines of text are said and heard."""

    def __init__(self, addr):
        self.socket = socket.create_connection(addr, common.PATIENCE)
        self.lines = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def say(self, line):
        """Sends a line."""
        self.socket.sendall(line.encode() + b"\n")

    def hear(self):
        """The next line, without its end."""
        line = self.lines.readline(1 << 16)
        if not line.endswith(b"\n"):
            raise ValueError("the connection ends in mid-line")
        return line.decode().rstrip("\r\n")

    def ask(self, line):
        """Sends a line; what is answered behind `OK`."""
        self.say(line)
        word, _, rest = self.hear().partition(" ")
        if word != "OK":
            raise ValueError(f"{line!r} is answered with {word} {rest}")
        return rest


class Client:
    """The whole of it."""

    def __init__(self, options):
        self.options = options
        # The files that are here, by name.
        self.shared = {}
        self.served = 0
        self.listener = common.Listener(options.listen, options.port, self.serve)
        self.me = f"{options.listen}:{self.listener.port}"
        self.listener.start()

    # The tracker.

    def tracker(self):
        """A connection to the tracker; there may be many commands on one."""
        return Line(self.options.tracker)

    def search(self, name):
        """The addresses of those who have the file of exactly this name."""
        with self.tracker() as tracker:
            found = [tracker.hear() for _ in range(int(tracker.ask(f"search {quote(name)}")))]
        sources = []
        for line in found:
            file, _size, peers = line.split(" ")
            if unquote(file) == name:
                sources += [peer for peer in peers.split(",") if peer != self.me]
        return [common.address(peer) for peer in sources]

    def keep_listed(self):
        """Registers, with nothing at first, and says again and again that it is there."""
        with self.tracker() as tracker:
            tracker.ask(self.listing("register"))
            while True:
                time.sleep(HEARTBEAT * self.options.second)
                tracker.ask(f"heartbeat {self.me}")

    def listing(self, command):
        """A command that tells what is here."""
        files = [f"{quote(name)}={os.path.getsize(path)}" for name, path in self.shared.items()]
        return " ".join([command, self.me, *files])

    # A download.

    def download(self, name):
        """Finds sources and lets them work until every chunk is here; finds others when all have failed."""
        path = os.path.join(self.options.out, os.path.basename(name))
        todo, size = queue.Queue(), None
        missing = 1
        with open(path + ".part", "w+b") as file:
            lock = threading.Lock()
            while missing:
                sources = self.search(name)
                if size is None and (size := self.size(name, sources)) is not None:
                    chunks = [(at, min(self.options.chunk, size - at)) for at in range(0, size, self.options.chunk)]
                    missing = len(chunks)
                    for chunk in chunks:
                        todo.put(chunk)
                if size is not None:
                    workers = [threading.Thread(target=self.work, args=(source, name, todo, file, lock))
                               for source in sources]
                    for worker in workers:
                        worker.start()
                    for worker in workers:
                        worker.join()
                    missing = todo.qsize()
                if missing:
                    time.sleep(SEARCH_AGAIN * self.options.second)
        os.replace(path + ".part", path)
        self.shared[name] = path
        with self.tracker() as tracker:
            tracker.ask(self.listing("update"))
        with open(path, "rb") as file:
            common.say("complete", hashlib.sha256(file.read()).hexdigest())

    @staticmethod
    def size(name, sources):
        """The file's size, from the first source that tells it."""
        for source in sources:
            try:
                with Line(source) as line:
                    return int(line.ask(f"SIZE {quote(name)}"))
            except (OSError, ValueError) as error:
                common.log(f"{source}: {error}")
        return None

    @staticmethod
    def work(source, name, todo, file, lock):
        """Takes chunks from one source until none is left, on one connection."""
        done = 0
        try:
            with Line(source) as line:
                while True:
                    offset, length = chunk = todo.get_nowait()
                    try:
                        line.say(f"GET {quote(name)} {offset} {length}")
                        data = line.lines.read(length)
                        if len(data) != length:
                            raise ValueError(f"{len(data)} bytes in place of {length}")
                    except (OSError, ValueError):
                        todo.put(chunk)
                        raise
                    with lock:
                        file.seek(offset)
                        file.write(data)
                    done += 1
        except queue.Empty:
            pass
        except (OSError, ValueError) as error:
            common.log(f"{source}: {error}")
        common.log(f"{done} chunks from {source}")

    # Others.

    def serve(self, sock):
        """Answers somebody's lines, as many as come."""
        lines = sock.makefile("rb")
        while line := lines.readline(1 << 12):
            match line.decode().split():
                case ["SIZE", name]:
                    path = self.shared.get(unquote(name))
                    answer = "ERR not-found" if path is None else f"OK {os.path.getsize(path)}"
                    sock.sendall(answer.encode() + b"\n")
                case ["GET", name, offset, length]:
                    with open(self.shared[unquote(name)], "rb") as file:
                        file.seek(int(offset))
                        data = file.read(int(length))
                    if len(data) != int(length):
                        raise ValueError(f"{line} is not within the file")
                    sock.sendall(data)
                    self.served += 1
                case _:
                    raise ValueError(f"{line} makes no sense")

    def run(self):
        """Downloads, and then serves others."""
        common.in_background(self.keep_listed)
        common.in_background(self.download, self.options.file)
        common.serve_until_stdin_closes(lambda: self.served)


def main():
    """The command line."""
    parser = common.arguments(__doc__)
    parser.add_argument("--file", required=True, help="the file's name, all that is known of it")
    parser.add_argument("--chunk", default=10_000, type=int, metavar="BYTES", help="how much is asked for at a time")
    Client(parser.parse_args()).run()


if __name__ == "__main__":
    main()
