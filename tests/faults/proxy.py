"""A TCP proxy on the loopback that can freeze: connections stay open and nothing moves, as in a network that drops."""

from __future__ import annotations

import selectors
import socket
import threading


class Proxy:
    """Forwards to one port while it is not frozen."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.open = threading.Event()
        self.open.set()
        self._ends = False
        self._threads: list[threading.Thread] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._ends = True
        self.open.set()
        self._listener.close()

    def freeze(self) -> None:
        self.open.clear()

    def thaw(self) -> None:
        self.open.set()

    def _accept(self) -> None:
        while not self._ends:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            self.open.wait()
            try:
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                return
            with server, selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                while not self._ends:
                    for key, _ in selector.select(0.5):
                        self.open.wait()
                        try:
                            data = key.fileobj.recv(65536)
                            if not data:
                                return
                            key.data.sendall(data)
                        except OSError:
                            return
