"""Receivers that take the time at which a request's first bytes arrive.

A receiver is a process of its own, so that it waits for nothing but its sockets. Its clock is the one of the process
that started it: CLOCK_MONOTONIC is the same for the whole machine.
"""

import multiprocessing
import re
import selectors
import socket
import time

ROW_ID = re.compile(rb'"data":\[\{"id":(\d+)')
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"

now = time.monotonic_ns


class Receiver:
    """Notes when the row with an id from 1 to rows arrived for the first time, and answers 200, or never."""

    def __init__(self, rows, answers=True):
        self.arrivals = multiprocessing.RawArray("q", rows + 1)  # by the row's id; 0: not yet
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = "http://127.0.0.1:%d/" % self._listener.getsockname()[1]
        # As a daemon it goes with the process that started it.
        multiprocessing.Process(target=self._serve, daemon=True).start()

    def _serve(self):
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ)
        calls = {}  # by the connection: the first bytes' time, and the bytes
        while True:
            for key, _ in selector.select():
                connection = key.fileobj
                if connection is self._listener:
                    connection, _ = self._listener.accept()
                    selector.register(connection, selectors.EVENT_READ)
                    continue
                try:
                    received = connection.recv(1 << 16)
                except ConnectionResetError:
                    received = b""
                time_of_bytes = now()
                if not received:
                    selector.unregister(connection)
                    connection.close()
                    calls.pop(connection, None)
                    continue
                if not self._answers:
                    continue
                first, before = calls.pop(connection, (time_of_bytes, b""))
                if not self._take(connection, first, before + received):
                    calls[connection] = (first, before + received)

    def _take(self, connection, first, request):
        """Answers a request that is complete; False for one that is not."""
        head, end, body = request.partition(b"\r\n\r\n")
        if not end or len(body) < int(CONTENT_LENGTH.search(head)[1]):
            return False
        connection.sendall(OK)
        row = int(ROW_ID.search(body)[1])
        self.arrivals[row] = self.arrivals[row] or first
        return True

    def wait_for(self, rows, patience_seconds=60):
        """Waits until so many rows have arrived."""
        deadline = time.monotonic() + patience_seconds
        while not all(self.arrivals[1 : rows + 1]):
            if time.monotonic() > deadline:
                missing = sum(not arrival for arrival in self.arrivals[1 : rows + 1])
                raise TimeoutError(f"{missing} of {rows} messages did not arrive within {patience_seconds} seconds")
            time.sleep(0.05)
