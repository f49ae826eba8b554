"""Every place where a process's output can end, in one folder of the drill, and the listeners behind its sockets."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple


class Ports(NamedTuple):
    """Where the drill listens, on this machine only."""

    tcp: int
    udp: int
    http: int
    unix: str


class Listeners:
    """Receives on loopback whatever handlers send, into files of the drill's folder; use as a context manager.

    Args:
        folder: of the drill.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Ports:
        tcp, udp, http = (
            self._listen(socket.AF_INET, kind, ("127.0.0.1", 0), name)
            for kind, name in (
                (socket.SOCK_STREAM, "tcp"),
                (socket.SOCK_DGRAM, "udp"),
                (socket.SOCK_STREAM, "http"),
            )
        )
        path = str(self._folder / "syslog.socket")
        self._listen(socket.AF_UNIX, socket.SOCK_DGRAM, path, "syslog")
        return Ports(tcp, udp, http, path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for listening in self._sockets:
            listening.close()

    def _listen(self, family: int, kind: int, address: str | tuple[str, int], name: str) -> int:
        listening = socket.socket(family, kind)
        listening.bind(address)
        listening.settimeout(0.1)
        if kind == socket.SOCK_STREAM:
            listening.listen(64)
        self._sockets.append(listening)
        work = self._streams if kind == socket.SOCK_STREAM else self._datagrams
        thread = threading.Thread(
            target=work, args=(listening, self._folder / f"{name}.received"), daemon=True
        )
        thread.start()
        self._threads.append(thread)
        return 0 if family == socket.AF_UNIX else int(listening.getsockname()[1])

    def _datagrams(self, listening: socket.socket, file: Path) -> None:
        with file.open("ab", buffering=0) as out:
            while True:
                try:
                    out.write(listening.recv(65_536) + b"\n")
                except TimeoutError:
                    if self._stop.is_set():
                        return

    def _streams(self, listening: socket.socket, file: Path) -> None:
        with file.open("ab", buffering=0) as out:
            while True:
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    if self._stop.is_set():
                        return
                    continue
                threading.Thread(target=self._receive, args=(connection, out.fileno()), daemon=True).start()

    def _receive(self, connection: socket.socket, out: int) -> None:
        with connection:
            connection.settimeout(0.3)
            first = True
            while True:
                try:
                    chunk = connection.recv(65_536)
                except TimeoutError:
                    if self._stop.is_set():
                        return
                    continue
                except OSError:
                    return
                if not chunk:
                    return
                os.write(out, chunk)
                if first and chunk[:4] in (b"GET ", b"POST"):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                first = False


def read_sinks(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything that was written into the folder, file by file: logs, databases, what sockets received."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            yield str(file.relative_to(folder)), file.read_bytes()
