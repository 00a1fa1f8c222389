"""What a dead endpoint does to a good one.

Rows are inserted at a steady rate, each in a transaction of its own, and two webhooks are told of each: one whose endpoint
answers, and one whose endpoint accepts and never answers. The good one's latency, from sending the statement to
the receiver's socket, is compared with that while the other webhook is stopped. Rounds with and without the dead endpoint
alternate. Its calls time out after two seconds, so that timeouts and retries happen within the run.
"""

import figures
from load import insert_steadily
from postgres import Session
from receiver import Receiver

PREPARE = """
CREATE EXTENSION webhooks;
CREATE TABLE orders (id bigint PRIMARY KEY, customer text, status text, total numeric);
SELECT webhooks.create_event('order:new', 'table.recordInsert', 'orders');
SELECT webhooks.create_webhook('good', '{good}');
SELECT webhooks.create_webhook('dead', '{dead}', timeout => '2 seconds');
SELECT webhooks.subscribe('good', '{{order:new}}');
SELECT webhooks.subscribe('dead', '{{order:new}}');
SELECT webhooks.stop_webhook('dead');
"""
SETTLE_SECONDS = 3  # before each round: the calls of the dead endpoint begin, or the last of them end


def main():
    chosen = figures.options(
        __doc__,
        rate=(200, "messages a second"),
        seconds=(10, "length of a round"),
        rounds=(5, "rounds with and as many without the dead endpoint"),
    )
    figures.conditions()
    settling, measured = chosen.rate * SETTLE_SECONDS, chosen.rate * chosen.seconds
    rows = (settling + measured) * chosen.rounds * 2
    good, dead = Receiver(rows), Receiver(0, answers=False)
    session = Session()
    session.run(PREPARE.format(good=good.url, dead=dead.url))
    session.wait_for_worker()

    latencies = {"without": [], "with": []}
    last = 0
    for number in range(chosen.rounds):
        for variant in ("without", "with") if number % 2 == 0 else ("with", "without"):
            session.run(f"SELECT webhooks.{'start' if variant == 'with' else 'stop'}_webhook('dead')")
            insert_steadily(session, range(last + 1, last + settling + 1), chosen.rate)
            last += settling
            sent = insert_steadily(session, range(last + 1, last + measured + 1), chosen.rate)
            last += measured
            good.wait_for(last)
            milliseconds = [(good.arrivals[row] - sent[row]) / 1e6 for row in sent]
            latencies[variant].append(milliseconds)
            figures.show(f"round {number + 1}, {variant} the dead endpoint", figures.distribution(milliseconds))

    print(f"{chosen.rate} messages a second, medians of {chosen.rounds} round(s) of {chosen.seconds} s each:")
    for name, percent in [("median", 50), ("p99", 99)]:
        without, beside = (
            figures.median([figures.percentile(round, percent) for round in latencies[variant]]) for variant in latencies
        )
        figure = f"without {without:6.2f} ms   with {beside:6.2f} ms   ratio {beside / without:5.2f}"
        figures.show(f"the good endpoint's {name}", figure)
    calls = session.value("SELECT count(*) FROM webhooks.attempt_log WHERE webhook = 'dead'")
    figures.show("calls of the dead endpoint that timed out", calls)


main()
