"""From a commit to the receiver's socket.

A client commits one insert at a time and pauses a little; the receiver notes when the first bytes of the call arrive.
When exactly a commit takes effect cannot be seen from outside: it lies between the moment when the client sends the
statement and the one when it has the answer. So both times are given; the truth is between them. The first and the
last tenth are shown, too: the time must not depend on how many messages came before.
"""

import random
import time

import figures
from postgres import Session
from receiver import Receiver, now

PREPARE = """
CREATE EXTENSION webhooks;
CREATE TABLE orders (id bigint PRIMARY KEY, customer text, status text, total numeric);
SELECT webhooks.create_webhook('bench', '{url}');
SELECT webhooks.add_event('bench', 'table.recordInsert', 'orders');
"""
WARM_UP = 100  # commits that do not count: connections are made, caches filled
PAUSE_MILLISECONDS = (2, 8)  # at random, so as not to beat in time with anything in the worker


def main():
    chosen = figures.options(__doc__, commits=(2000, "commits that count"))
    figures.conditions()
    commits = WARM_UP + chosen.commits
    receiver = Receiver(commits)
    session = Session()
    session.run(PREPARE.format(url=receiver.url))
    session.wait_for_worker()
    chance = random.Random(1)
    sent, answered = [0], [0]  # by the row's id, which begins at 1
    for row in range(1, commits + 1):
        sent.append(now())
        session.run(f"INSERT INTO orders VALUES ({row}, 'Ada', 'new', 19.95)")
        answered.append(now())
        time.sleep(chance.uniform(*PAUSE_MILLISECONDS) / 1000)
    receiver.wait_for(commits)

    def show(name, start, end, rows):
        figures.show(name, figures.distribution([(end[row] - start[row]) / 1e6 for row in rows]))

    counted = range(WARM_UP + 1, commits + 1)
    tenth = -(-chosen.commits // 10)
    print(f"{chosen.commits} commits, one after the other:")
    show("from the commit's answer to the socket", answered, receiver.arrivals, counted)
    show("  of these the first tenth", answered, receiver.arrivals, counted[:tenth])
    show("  of these the last tenth", answered, receiver.arrivals, counted[-tenth:])
    show("from sending the statement to the socket", sent, receiver.arrivals, counted)
    show("for comparison, the commit itself", sent, answered, counted)


main()
