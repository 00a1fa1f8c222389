#!/usr/bin/env python3
"""A webhook receiver that needs nothing but Python.

    receiver.py PORT whsec_…      listens on 127.0.0.1 and prints every call

`verify` is what a receiver owes itself: only a call that carries a signature made with the secret, over exactly these
bytes, a short while ago, is taken for genuine. The demo uses this file too, and takes the receiver down and up again.
"""

import base64
import hashlib
import hmac
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300


class NotGenuine(Exception):
    """The call was not made with the secret, or not recently."""


def verify(secret, headers, body, now=None):
    """Raises NotGenuine unless the bytes of the body are signed as the headers say."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    now = time.time() if now is None else now
    if not timestamp.isdigit() or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        raise NotGenuine("the timestamp is missing or not recent")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    # While a secret is being changed there is a signature for each, separated by spaces.
    given = headers.get("webhook-signature", "").encode().split()
    if not any(hmac.compare_digest(expected, one) for one in given):
        raise NotGenuine("no signature fits")


class Call:
    """One call as it came in."""

    def __init__(self, headers, body, problem):
        self.headers = headers  # names in lower case
        self.body = body
        self.problem = problem  # None, or why it is not genuine

    @property
    def message(self):
        return json.loads(self.body)


class Receiver:
    """Listens on a port of 127.0.0.1 until it is stopped, and can be started there again."""

    def __init__(self, secret=None, port=0, on_call=lambda call: None):
        self.secret = secret
        self.on_call = on_call
        self.calls = []
        self.changed = threading.Condition()
        self.server = None
        self.socket = bound_socket(port)
        self.port = self.socket.getsockname()[1]

    def start(self):
        self.server = Server(self)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """From here on connections are refused. The port stays ours: it is bound, only nobody listens."""
        self.server.shutdown()
        self.server.server_close()
        self.server.close_connections()
        self.server = None
        self.socket = bound_socket(self.port)

    def take(self, headers, body):
        """What to answer."""
        problem = None
        try:
            verify(self.secret, headers, body)
        except NotGenuine as error:
            problem = str(error)
        call = Call(headers, body, problem)
        self.on_call(call)
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()
        return 204 if problem is None else 401

    def wait_for_calls(self, count, seconds):
        """The calls so far, as soon as there are that many; None if there are not in time."""
        with self.changed:
            arrived = self.changed.wait_for(lambda: len(self.calls) >= count, seconds)
            return list(self.calls) if arrived else None


def bound_socket(port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, receiver):
        super().__init__(receiver.socket.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = receiver.socket
        self.receiver = receiver
        self.open = set()
        self.server_name, self.server_port = self.server_address
        self.server_activate()

    def close_connections(self):
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was quicker


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.open.add(self.connection)

    def finish(self):
        self.server.open.discard(self.connection)
        super().finish()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(self.server.receiver.take(headers, body))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def show(call):
    print(json.dumps(call.message, indent=2, ensure_ascii=False))
    print("NOT genuine: " + call.problem if call.problem else "signature verified", flush=True)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    receiver = Receiver(secret=sys.argv[2], port=int(sys.argv[1]), on_call=show)
    receiver.start()
    print(f"listening on http://127.0.0.1:{receiver.port}/", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
