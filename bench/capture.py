"""What capturing a change adds to the statement that makes it.

INSERT … SELECT into a table of six columns: bare, watched by this extension, and watched by PgQ's jsontriga, which
writes the row as JSON into a table, too. Then UPDATE of a column that the event does not watch. Two times are taken of
each statement: the one that a client sees, its commit included, and the CPU time of its backend, which is nearly the
same whatever else the machine does. Nothing is sent meanwhile: bench/run sets webhooks.enabled = off.

Each round is in a database of its own, so that no table, index or file is left over from the one before. The variants take
turns in being first.
"""

import time
from pathlib import Path
from typing import NamedTuple

import figures
from postgres import Session

COLUMNS = "id bigint PRIMARY KEY, customer text, status text, total numeric, quantity int, ordered_at timestamptz"
ROWS = (
    "SELECT i, 'customer ' || i % 1000, 'new', i * 1.01, i % 10, timestamptz '2026-01-01' + i * interval '1 second'"
    " FROM generate_series(1, {rows}) i"
)
PREPARE = f"""
CREATE EXTENSION webhooks;
CREATE EXTENSION pgq;
SELECT pgq.create_queue('bench');
SELECT webhooks.create_webhook('bench', 'http://127.0.0.1:9/');

CREATE TABLE bare ({COLUMNS});
CREATE TABLE watched ({COLUMNS});
CREATE TABLE queued ({COLUMNS});
SELECT webhooks.add_event('bench', 'table.recordInsert', 'watched');
CREATE TRIGGER queue AFTER INSERT ON queued FOR EACH ROW EXECUTE FUNCTION pgq.jsontriga('bench');

CREATE TABLE updated_bare ({COLUMNS});
CREATE TABLE updated_watched ({COLUMNS});
SELECT webhooks.add_event('bench', 'table.recordUpdate', 'updated_watched', fields => '{{status}}');
"""
INSERT = ["bare", "watched", "queued"]
UPDATE = ["updated_bare", "updated_watched"]


class Time(NamedTuple):
    """In seconds."""

    elapsed: float
    cpu: float


def cpu_seconds(pid):
    """What the scheduler says that a process ran: in nanoseconds, where /proc/PID/stat has hundredths of a second."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def measure(session, statement):
    """How long a statement takes. What others wrote is on disk before it begins."""
    session.run("CHECKPOINT")
    pid = session.value("SELECT pg_backend_pid()")
    cpu, clock = cpu_seconds(pid), time.perf_counter()
    session.run(statement)
    return Time(time.perf_counter() - clock, cpu_seconds(pid) - cpu)


def rotated(variants, by):
    by %= len(variants)
    return variants[by:] + variants[:by]


def one_round(number, rows):
    """The time of each variant, by the name of its table."""
    server = Session()
    server.run("CREATE DATABASE bench")
    session = Session("bench")
    session.run(PREPARE)
    took = {}
    for table in rotated(INSERT, number):
        took[table] = measure(session, f"INSERT INTO {table} {ROWS.format(rows=rows)}")
    for table, log in [("watched", "webhooks.message"), ("queued", "pgq.event_template")]:
        recorded = int(session.value(f"SELECT count(*) FROM {log}"))
        assert recorded == rows, f"{recorded} rows in {log}, {rows} expected: {table} is not captured"
    for table in UPDATE:
        session.run(f"INSERT INTO {table} {ROWS.format(rows=rows)}")
        session.run(f"VACUUM ANALYZE {table}")
    for table in rotated(UPDATE, number):
        took[table] = measure(session, f"UPDATE {table} SET quantity = quantity + 1")
    session.close()
    server.run("DROP DATABASE bench WITH (FORCE)")
    server.close()
    return took


def show_added(name, rounds, table, without, rows):
    """Shows the median of what a round's variant took longer than without, and returns it by the kind of time."""
    added = {}
    for kind in Time._fields:
        differences = [getattr(took[table], kind) - getattr(took[without], kind) for took in rounds]
        added[kind] = figures.median(differences) / rows * 1e6
    figures.show(name, f"{added['elapsed']:7.2f} µs a row   CPU {added['cpu']:7.2f} µs a row")
    return added


def main():
    chosen = figures.options(__doc__, rows=(100_000, "rows a statement"), rounds=(9, "rounds that count"))
    figures.conditions()
    one_round(0, chosen.rows)  # makes the files of the WAL that later rounds use again
    rounds = []
    for number in range(chosen.rounds):
        rounds.append(one_round(number, chosen.rows))
        elapsed = "  ".join(f"{table} {1000 * rounds[-1][table].elapsed:.0f}" for table in INSERT + UPDATE)
        print(f"  round {number + 1}, in ms: {elapsed}", flush=True)

    print(f"{chosen.rows} rows a statement, medians of {chosen.rounds} rounds:")
    for table in INSERT + UPDATE:
        elapsed, cpu = (figures.median([getattr(took[table], kind) for took in rounds]) for kind in Time._fields)
        figures.show(table, f"{1000 * elapsed:7.0f} ms         CPU {1000 * cpu:7.0f} ms")
    webhooks = show_added("insert, watched: added", rounds, "watched", "bare", chosen.rows)
    pgq = show_added("insert, pgq.jsontriga: added", rounds, "queued", "bare", chosen.rows)
    ratios = [webhooks[kind] / pgq[kind] for kind in Time._fields]
    figures.show("ratio of the two", f"{ratios[0]:7.2f}            CPU {ratios[1]:7.2f}")
    show_added("update of no watched column: added", rounds, "updated_watched", "updated_bare", chosen.rows)


main()
