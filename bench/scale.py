"""What many events on a table, and many accounts, cost: nothing but the rows that they write.

Capture: an INSERT … SELECT into a bare table, into one with an event, into one with ten, and into one whose event says
which account a row belongs to, in a database with two accounts' webhooks and in one with a webhook for each of many accounts. Shown is
what a message adds, in CPU time of the backend. Fan-out: messages of one account are delivered to its webhook in either
database. Shown are the calls a second and what a call costs the worker. Shown, too, are how long it takes until a change of
one webhook counts and what it costs the worker, and the worker's memory: when it has begun anew, and at its most until then.
"""

import time
from pathlib import Path

import figures
from nginx import nginx
from postgres import Session

COLUMNS = "id bigint PRIMARY KEY, customer text, status text, total numeric, quantity int, ordered_at timestamptz"
ROWS = (
    "SELECT i, '{account}', 'new', i * 1.01, i % 10, timestamptz '2026-01-01' + i * interval '1 second'"
    " FROM generate_series({first}, {last}) i"
)
PREPARE = f"""
CREATE EXTENSION webhooks;
CREATE TABLE bare ({COLUMNS});
CREATE TABLE one ({COLUMNS});
CREATE TABLE ten ({COLUMNS});
CREATE TABLE of_accounts ({COLUMNS});
SELECT webhooks.create_event('one', 'table.recordInsert', 'one');
SELECT webhooks.create_event('ten:' || n, 'table.recordInsert', 'ten') FROM generate_series(1, 10) n;
SELECT webhooks.create_event('of_accounts', 'table.recordInsert', 'of_accounts', account => 'customer');
SELECT webhooks.create_webhook(n, '{{url}}', account => n) FROM unnest('{{{{1,2}}}}'::text[]) n;
SELECT webhooks.subscribe(n, '{{{{of_accounts}}}}') FROM unnest('{{{{1,2}}}}'::text[]) n;
"""
# One by one they would take minutes; what is in the tables is the same.
MORE = """
INSERT INTO webhooks.webhook (name, account, signature, max_in_flight, ordering, timeout, retry_schedule)
SELECT n::text, n::text, w.signature, w.max_in_flight, w.ordering, w.timeout, w.retry_schedule
FROM webhooks.webhook w, generate_series(3, {accounts}) n WHERE w.name = '1';
INSERT INTO webhooks.secret (webhook_id, secret)
SELECT w.id, s.secret FROM webhooks.webhook w, webhooks.secret s WHERE w.name::int > 2 AND s.webhook_id = 1;
INSERT INTO webhooks.endpoint (webhook_id, url)
SELECT w.id, e.url FROM webhooks.webhook w, webhooks.endpoint e WHERE w.name::int > 2 AND e.webhook_id = 1;
INSERT INTO webhooks.subscription (webhook_id, event_id)
SELECT w.id, s.event_id FROM webhooks.webhook w, webhooks.subscription s WHERE w.name::int > 2 AND s.webhook_id = 1;
ANALYZE;
"""
NOBODY = "0"
MESSAGES_A_ROW = {"one": 1, "ten": 10, "of_accounts": 1}
CHANGES = 100
PATIENCE_SECONDS = 600


def cpu_seconds(pid):
    """What a process used so far, all its threads together."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def capture(session, table, first, rows):
    """The CPU time of inserting so many rows, which concern no webhook, in seconds."""
    session.run("CHECKPOINT")
    pid = session.value("SELECT pg_backend_pid()")
    before = cpu_seconds(pid)
    session.run(f"INSERT INTO {table} {ROWS.format(account=NOBODY, first=first, last=first + rows - 1)}")
    return cpu_seconds(pid) - before


def delivered(session):
    return int(session.value("SELECT coalesce(sum(delivered), 0) FROM webhooks.tally"))


def wait_until(session, what, condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition(session):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {PATIENCE_SECONDS} seconds")
        time.sleep(0.01)


def fan_out(session, first, rows):
    """Calls a second, and what a call costs the worker in µs of CPU time, of messages of one account."""
    worker = session.wait_for_worker()
    before, since = delivered(session), session.value("SELECT clock_timestamp()")
    cpu = cpu_seconds(worker)
    session.run(f"INSERT INTO of_accounts {ROWS.format(account='1', first=first, last=first + rows - 1)}")
    wait_until(session, "all are delivered", lambda session: delivered(session) >= before + rows)
    cpu = cpu_seconds(worker) - cpu
    rate = session.value(
        "SELECT count(*) / extract(epoch FROM max(at + duration_us * interval '1 microsecond') - min(at))"
        f" FROM webhooks.attempt WHERE at >= '{since}'"
    )
    return float(rate), cpu / rows * 1e6


def notes(session):
    return int(session.value("SELECT count(*) FROM webhooks.configuration_change"))


def change(session, first):
    """How long after a webhook's change a message that came with it is sent, and what a change costs the worker's CPU, in ms."""
    worker = session.wait_for_worker()
    before = delivered(session)
    session.run(
        f"SELECT webhooks.alter_webhook('1', description => 'change {first}');"
        f"INSERT INTO of_accounts {ROWS.format(account='1', first=first, last=first)}"
    )
    wait_until(session, "it is delivered", lambda session: delivered(session) > before)
    counts = session.value("SELECT extract(epoch FROM at - message_at) * 1000 FROM webhooks.attempt ORDER BY at DESC LIMIT 1")
    cpu = cpu_seconds(worker)
    for number in range(CHANGES):
        session.run(f"SELECT webhooks.alter_webhook('1', description => 'change {first}.{number}')")
        wait_until(session, "it is read", lambda session: notes(session) == 0)
    return float(counts), (cpu_seconds(worker) - cpu) / CHANGES * 1000


def private_megabytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def begin_anew(session, first):
    """Ends the worker. Gives the next one's private memory when it sends something, and at its most until then, in MB."""
    before, most = delivered(session), 0
    session.run(f"SELECT pg_terminate_backend({session.wait_for_worker()})")
    session.run(f"INSERT INTO of_accounts {ROWS.format(account='1', first=first, last=first)}")

    def arrived(session):
        nonlocal most
        for (pid,) in session.run(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'webhooks worker'"
        ):
            try:
                most = max(most, private_megabytes(pid))
            except FileNotFoundError:
                pass  # it has just ended
        return delivered(session) > before

    wait_until(session, "it is delivered", arrived)
    return private_megabytes(session.wait_for_worker()), most


def added(took, table, rows):
    """What a message adds to the bare statement, in µs."""
    return (took[table] - took["bare"]) / rows / MESSAGES_A_ROW[table] * 1e6


def main():
    chosen = figures.options(
        __doc__,
        accounts=(100_000, "accounts, a webhook each"),
        rows=(50_000, "rows a statement"),
        rounds=(5, "rounds"),
    )
    figures.conditions()
    server = Session()
    sessions = {}
    with nginx() as url:
        for name in ("two", "many"):
            server.run(f"CREATE DATABASE {name}")
            sessions[name] = Session(name)
            sessions[name].run(PREPARE.format(url=url))
        sessions["many"].run(MORE.format(accounts=chosen.accounts))
        webhooks = sessions["many"].value("SELECT count(*) FROM webhooks.webhook")
        assert int(webhooks) == chosen.accounts, webhooks

        captured = {name: [] for name in sessions}
        sent = {name: [] for name in sessions}
        changed = {name: [] for name in sessions}
        first = 1
        for number in range(chosen.rounds):
            for name in list(sessions) if number % 2 == 0 else list(reversed(sessions)):
                session = sessions[name]
                captured[name].append(
                    {table: capture(session, table, first, chosen.rows) for table in ["bare", *MESSAGES_A_ROW]}
                )
                wait_until(session, "all is read", lambda session: session.value("SELECT backlog FROM webhooks.status()") == "0")
                changed[name].append(change(session, first + chosen.rows))
                sent[name].append(fan_out(session, first + chosen.rows + 1, chosen.rows))
                rate, cpu = sent[name][-1]
                counts, _ = changed[name][-1]
                print(f"  round {number + 1}, {name}: {rate:.0f} calls/s, change {counts:.1f} ms", flush=True)
            first += 2 * chosen.rows + 1
        memory = {name: begin_anew(session, first) for name, session in sessions.items()}

    print(f"{chosen.rows} rows a statement, {chosen.accounts} accounts, medians of {chosen.rounds} rounds:")

    def of(name, table):
        return figures.median([added(took, table, chosen.rows) for took in captured[name]])

    one, ten, two, many = of("two", "one"), of("two", "ten"), of("two", "of_accounts"), of("many", "of_accounts")
    figures.show("capture, a message of one event: added", f"CPU {one:7.2f} µs")
    figures.show("capture, a message of ten events: added", f"CPU {ten:7.2f} µs   ratio {ten / one:5.2f}")
    figures.show("capture with two accounts: added", f"CPU {two:7.2f} µs")
    figures.show("capture with many accounts: added", f"CPU {many:7.2f} µs   ratio {many / two:5.2f}")
    rates = {name: [figures.median(column) for column in zip(*runs)] for name, runs in sent.items()}
    for name, (rate, cpu) in rates.items():
        figures.show(f"fan-out, {name}", f"{rate:6.0f} calls/s   CPU {cpu:5.1f} µs a call")
    figures.show("fan-out, many / two", f"{rates['many'][0] / rates['two'][0]:6.2f}")
    changes = {name: [figures.median(column) for column in zip(*runs)] for name, runs in changed.items()}
    for name, (counts, cpu) in changes.items():
        figures.show(f"a change counts, {name}", f"after {counts:6.1f} ms   CPU {cpu:5.2f} ms a change")
    ratios = [many / two for many, two in zip(changes["many"], changes["two"])]
    figures.show("a change, many / two", f"{ratios[0]:6.2f}      CPU {ratios[1]:5.2f}")
    for name, (begun, most) in memory.items():
        figures.show(f"worker's private memory, {name}", f"{begun:6.0f} MB   at most {most:6.0f} MB while it began")
    for session in sessions.values():
        session.close()
    for name in sessions:
        server.run(f"DROP DATABASE {name} WITH (FORCE)")
    server.close()


main()
