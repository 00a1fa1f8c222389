"""Statements at a steady rate."""

import time

from receiver import now


def insert_steadily(session, rows, rate):
    """Inserts rows at a rate, and gives the time at which each was sent. One that is late makes the next no later."""
    start, sent = time.monotonic(), {}
    for number, row in enumerate(rows):
        time.sleep(max(0, start + number / rate - time.monotonic()))
        sent[row] = now()
        session.run(f"INSERT INTO orders VALUES ({row}, 'Ada', 'new', 19.95)")
    return sent
