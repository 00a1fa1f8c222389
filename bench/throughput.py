"""Sustained delivery to a local nginx, against the bare HTTP client, and beside a transaction that stays open.

Each round measures the client by itself, then the extension with as many calls in flight as that has threads, then the
extension while another session has an open transaction with a transaction id. The messages are committed in one
transaction. The rate is that of the calls in the attempt log: their number, by the time from the start of the first to
the end of the last; the log is written meanwhile. "Recorded" counts until the last of them is in the log, too. CPU is
what a call costs the process that makes it, the recording included: it is nearly the same whatever else the machine does.

At the end it shows the backlog, and what happened to the extension's tables: dead rows come from UPDATE and DELETE.
"""

import os
import re
import resource
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import figures
from nginx import nginx
from postgres import Session

# The row that the bare client sends, so that both send as much.
PREPARE = """
CREATE EXTENSION webhooks;
CREATE TABLE flight (id bigint PRIMARY KEY, year int, month int, day int, dep_time int, sched_dep_time int, dep_delay int,
    arr_time int, sched_arr_time int, arr_delay int, carrier text, flight int, tailnum text, origin text, dest text,
    air_time int, distance int, hour int, minute int, time_hour timestamptz);
SELECT webhooks.create_webhook('bench', '{url}', max_in_flight => {threads});
SELECT webhooks.add_event('bench', 'table.recordInsert', 'flight');
"""
FLIGHTS = """
INSERT INTO flight
SELECT i, 2013, 1, 1, 517, 515, 2, 830, 819, 11, 'UA', 1545, 'N14228', 'EWR', 'IAH', 227, 1400, 5, 15, '2013-01-01 10:00Z'
FROM generate_series({first}, {last}) i
"""
RATES = """
SELECT count(*) / extract(epoch FROM max(at + duration_us * interval '1 microsecond') - min(at)),
       count(*) FILTER (WHERE NOT delivered)
FROM webhooks.attempt WHERE at >= '{since}'
"""
TABLES = """
SELECT regexp_replace(relname, '_([0-9]{8}|default)$', ''), sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del), sum(n_dead_tup)
FROM pg_stat_user_tables WHERE schemaname = 'webhooks' GROUP BY 1
HAVING sum(n_tup_ins) + sum(n_tup_upd) + sum(n_tup_del) + sum(n_dead_tup) > 0 ORDER BY 1
"""
PATIENCE_SECONDS = 600
STATISTICS_SECONDS = 3  # a process tells its statistics about once a second


class Run(NamedTuple):
    """Calls a second, and what a call cost in µs of CPU time."""

    rate: float
    cpu: float
    recorded: float | None = None


def cpu_seconds(pid):
    """What a process used so far, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bare_client(url, threads, seconds):
    """The HTTP client by itself."""
    command = [os.environ["BARE_CLIENT"], url, str(threads), str(seconds)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    rate = float(re.search(r"([\d.]+) calls/s", said)[1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(rate, cpu / (rate * seconds) * 1e6)


def delivered(session):
    """What the worker has recorded so far, from its counters: looking there costs next to nothing."""
    return int(session.value("SELECT coalesce(sum(delivered), 0) FROM webhooks.tally"))


def extension(session, first, messages):
    """Commits messages and waits until all are recorded as delivered."""
    before = delivered(session)
    worker = session.wait_for_worker()
    session.run("CHECKPOINT")
    since = session.value("SELECT clock_timestamp()")
    cpu = cpu_seconds(worker)
    session.run(FLIGHTS.format(first=first, last=first + messages - 1))
    started = time.monotonic()
    while delivered(session) < before + messages:
        if time.monotonic() > started + PATIENCE_SECONDS:
            raise TimeoutError(f"{messages} messages were not delivered within {PATIENCE_SECONDS} seconds")
        time.sleep(0.1)
    recorded = messages / (time.monotonic() - started)
    cpu = cpu_seconds(worker) - cpu
    rate, errors = session.run(RATES.format(since=since))[0]
    assert errors == "0", f"{errors} calls failed"
    return Run(float(rate), cpu / messages * 1e6, recorded)


def beside_open_transaction(session, first, messages):
    """The same while another session has a transaction open, with a transaction id."""
    other = Session()
    other.run("BEGIN; SELECT txid_current()")
    try:
        return extension(session, first, messages)
    finally:
        other.close()


def show_tables(session):
    """What pg_stat_user_tables says of the extension's tables, the partitions of one together."""
    time.sleep(STATISTICS_SECONDS)
    figures.show("backlog", session.value("SELECT backlog FROM webhooks.status()"))
    print("  rows of webhooks.*, since the start:          inserted   updated   deleted      dead")
    for table, *counts in session.run(TABLES):
        print(f"    {table:<40} " + " ".join(f"{count:>9}" for count in counts))


def show_run(name, run):
    recorded = f"   recorded {run.recorded:6.0f}/s" if run.recorded else ""
    figures.show(name, f"{run.rate:6.0f} calls/s   CPU {run.cpu:5.1f} µs a call{recorded}")


def main():
    chosen = figures.options(
        __doc__,
        threads=(8, "threads of the bare client, and calls in flight of the extension"),
        messages=(100_000, "messages of a run of the extension"),
        seconds=(5, "length of a run of the bare client"),
        rounds=(5, "rounds"),
    )
    figures.conditions()
    session = Session()
    bare, alone, beside = [], [], []
    with nginx() as url:
        session.run(PREPARE.format(url=url, threads=chosen.threads))
        runs = iter(range(1, 1 << 62, chosen.messages))
        for number in range(chosen.rounds):
            bare.append(bare_client(url, chosen.threads, chosen.seconds))
            show_run(f"round {number + 1}, bare client", bare[-1])
            # They take turns in being first, as what is in the tables grows.
            for variant in (extension, beside_open_transaction) if number % 2 == 0 else (beside_open_transaction, extension):
                run = variant(session, next(runs), chosen.messages)
                (alone if variant is extension else beside).append(run)
                show_run(f"round {number + 1}, {variant.__name__.replace('_', ' ')}", run)

        print(f"{chosen.threads} threads, {chosen.messages} messages a run, medians of {chosen.rounds} rounds:")
        for name, runs in [("bare client", bare), ("extension", alone), ("extension beside an open transaction", beside)]:
            show_run(name, Run(*(figures.median(column) if all(column) else None for column in zip(*runs))))
        for name, ones, others in [
            ("extension / bare client", alone, bare),
            ("beside an open transaction / without", beside, alone),
        ]:
            figures.show(name, f"{figures.median([one.rate / other.rate for one, other in zip(ones, others)]):6.2f}")
        show_tables(session)


main()
