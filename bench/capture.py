"""What capturing a change adds to the statement that makes it.

INSERT … SELECT into a table of six columns: bare, watched by this extension, and watched by PgQ's jsontriga, which
writes the row as JSON into a table, too. Then UPDATE of a column that the event does not watch. The time is that of
the statement as a client sees it, its commit included. Nothing is sent meanwhile: bench/run sets webhooks.enabled = off.

Each round is in a database of its own, so that no table, index or file is left over from the one before. The variants take
turns in being first.
"""

import time

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


def seconds(session, statement):
    """How long a statement takes. What others wrote is on disk before it begins."""
    session.run("CHECKPOINT")
    started = time.perf_counter()
    session.run(statement)
    return time.perf_counter() - started


def rotated(variants, by):
    by %= len(variants)
    return variants[by:] + variants[:by]


def one_round(number, rows):
    """The seconds of each variant, by the name of its table."""
    server = Session()
    server.run("CREATE DATABASE bench")
    session = Session("bench")
    session.run(PREPARE)
    took = {}
    for table in rotated(INSERT, number):
        took[table] = seconds(session, f"INSERT INTO {table} {ROWS.format(rows=rows)}")
    for table, log in [("watched", "webhooks.message"), ("queued", "pgq.event_template")]:
        recorded = int(session.value(f"SELECT count(*) FROM {log}"))
        assert recorded == rows, f"{recorded} rows in {log}, {rows} expected: {table} is not captured"
    for table in UPDATE:
        session.run(f"INSERT INTO {table} {ROWS.format(rows=rows)}")
        session.run(f"VACUUM ANALYZE {table}")
    for table in rotated(UPDATE, number):
        took[table] = seconds(session, f"UPDATE {table} SET quantity = quantity + 1")
    session.close()
    server.run("DROP DATABASE bench WITH (FORCE)")
    server.close()
    return took


def added(rounds, table, without, rows):
    """The median of what each round's variant took longer than without, in µs a row."""
    return figures.median([took[table] - took[without] for took in rounds]) / rows * 1e6


def main():
    chosen = figures.options(__doc__, rows=(100_000, "rows a statement"), rounds=(9, "rounds that count"))
    figures.conditions()
    one_round(0, chosen.rows)  # makes the files of the WAL that later rounds use again
    rounds = []
    for number in range(chosen.rounds):
        rounds.append(one_round(number, chosen.rows))
        print(f"  round {number + 1}: " + "  ".join(f"{t} {1000 * s:.0f} ms" for t, s in sorted(rounds[-1].items())), flush=True)

    print(f"{chosen.rows} rows a statement, medians of {chosen.rounds} rounds")
    for table in INSERT + UPDATE:
        figures.show(table, f"{1000 * figures.median([took[table] for took in rounds]):8.1f} ms")
    webhooks = added(rounds, "watched", "bare", chosen.rows)
    pgq = added(rounds, "queued", "bare", chosen.rows)
    figures.show("insert, watched: added", f"{webhooks:8.2f} µs a row")
    figures.show("insert, pgq.jsontriga: added", f"{pgq:8.2f} µs a row")
    figures.show("ratio of the two", f"{webhooks / pgq:8.2f}")
    update = added(rounds, "updated_watched", "updated_bare", chosen.rows)
    figures.show("update of no watched column: added", f"{update:8.2f} µs a row")


main()
