"""What a thousand dead endpoints do to a good one.

As many webhooks as told each have an endpoint that accepts connections and never answers, and are told of an event every
few seconds. A good endpoint is told of rows that are inserted at a steady rate, each in a transaction of its own. Its
latency, from sending the statement to the receiver's socket, is shown, with the worker's threads, descriptors and memory at
their most, and how long a fast stop of the server takes at the end, with calls open.
"""

import os
import signal
import threading
import time
from pathlib import Path

import figures
from load import insert_steadily
from postgres import Session
from receiver import Receiver

PREPARE = """
CREATE EXTENSION webhooks;
CREATE TABLE orders (id bigint PRIMARY KEY, customer text, status text, total numeric);
SELECT webhooks.create_webhook('good', '{good}');
SELECT webhooks.add_event('good', 'table.recordInsert', 'orders');
SELECT webhooks.create_event('noise');
SELECT webhooks.create_webhook('dead' || n, '{dead}' || n) FROM generate_series(1, {endpoints}) n;
SELECT webhooks.subscribe('dead' || n, '{{noise}}') FROM generate_series(1, {endpoints}) n;
"""
SETTLE_SECONDS = 20  # the first calls of the dead ones begin, fail and are tried again


class Watch:
    """The most that a process has of what the system counts."""

    def __init__(self, pid):
        self._process = Path(f"/proc/{pid}")
        self.threads = self.descriptors = self.kilobytes = 0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self):
        while self._process.exists():
            try:
                status = dict(line.split(":", 1) for line in (self._process / "status").read_text().splitlines())
                descriptors = len(os.listdir(self._process / "fd"))
            except OSError:
                return
            self.threads = max(self.threads, int(status["Threads"]))
            self.kilobytes = max(self.kilobytes, int(status["RssAnon"].split()[0]))
            self.descriptors = max(self.descriptors, descriptors)
            time.sleep(0.1)


def make_noise(every, stop):
    """Tells the dead ones something again and again."""
    session = Session()
    while not stop.wait(every):
        session.run("SELECT webhooks.emit('noise', '{}')")


def stop_server(session):
    """Has the server stop fast, and returns how long it takes, in seconds."""
    # The last thing that the server does is to remove this file.
    file = Path(session.value("SHOW data_directory")) / "postmaster.pid"
    server = int(file.read_text().split()[0])
    begun = time.monotonic()
    os.kill(server, signal.SIGINT)
    while file.exists():
        time.sleep(0.01)
    return time.monotonic() - begun


def main():
    chosen = figures.options(
        __doc__,
        endpoints=(1000, "endpoints that accept and never answer"),
        every=(15, "seconds between two messages for all of them"),
        rate=(500, "messages a second for the good one"),
        seconds=(60, "length of the run"),
    )
    figures.conditions()
    rows = chosen.rate * (SETTLE_SECONDS + chosen.seconds)
    good, dead = Receiver(rows), Receiver(0, answers=False)
    session = Session()
    session.run(PREPARE.format(good=good.url, dead=dead.url, endpoints=chosen.endpoints))
    watch = Watch(session.wait_for_worker())

    stop = threading.Event()
    insert_steadily(session, range(1, chosen.rate + 1), chosen.rate)  # the good one is known to be good
    session.run("SELECT webhooks.emit('noise', '{}')")
    threading.Thread(target=make_noise, args=(chosen.every, stop), daemon=True).start()
    settled = chosen.rate * SETTLE_SECONDS
    insert_steadily(session, range(chosen.rate + 1, settled + 1), chosen.rate)
    sent = insert_steadily(session, range(settled + 1, rows + 1), chosen.rate)
    good.wait_for(rows)
    milliseconds = [(good.arrivals[row] - sent[row]) / 1e6 for row in sent]

    print(f"{chosen.endpoints} dead endpoints, {chosen.rate} messages a second for the good one, {chosen.seconds} s:")
    figures.show("the good endpoint", figures.distribution(milliseconds))
    calls, open_calls = session.run(
        "SELECT (SELECT count(*) FROM webhooks.attempt_log WHERE webhook LIKE 'dead%'), in_flight FROM webhooks.status()"
    )[0]
    figures.show("calls of the dead ones that timed out, and open", f"{calls}, {open_calls}")
    figures.show("threads, descriptors of the worker at most", f"{watch.threads}, {watch.descriptors}")
    figures.show("private memory of the worker at most", f"{watch.kilobytes / 1024:.0f} MB")
    stop.set()
    figures.show("a fast stop of the server took", f"{stop_server(session):.2f} s")


main()
