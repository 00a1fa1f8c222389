#!/usr/bin/env python3
"""Shows the main job of the extension, step by step, on the server that PGHOST points to. See scripts/demo.

Every statement is one that a user would type, and is run as shown, with psql. Nothing here sleeps: each step waits for
what it expects, and ends the demo with an error if that does not come.
"""

import json
import os
import re
import subprocess
import sys
import time

from receiver import Receiver

DATABASE = "demo"
PATIENCE_SECONDS = 30
COLOUR = sys.stdout.isatty()


def bold(text):
    return f"\033[1m{text}\033[0m" if COLOUR else text


def dim(text):
    return f"\033[2m{text}\033[0m" if COLOUR else text


def indented(text, by="    "):
    return "\n".join((by + line).rstrip() for line in text.rstrip("\n").splitlines())


def as_typed(statement):
    """A statement, or several, with psql's prompts."""
    lines, prompt = [], "=#"
    for line in statement.splitlines():
        lines.append(f"{DATABASE}{prompt} {line}")
        prompt = "=#" if line.endswith(";") else "-#"
    return "\n".join(lines)


def one_line_a_key(message):
    """A message as JSON, short enough to be read at a glance."""
    lines = (f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in message.items())
    return "{\n" + ",\n".join(lines) + "\n}"


class Failed(Exception):
    """What was to be shown did not happen."""


class Demo:
    def __init__(self):
        self.step_number = 0
        self.receiver = Receiver()
        self.seen = 0  # calls that were shown

    def step(self, title, *explanation):
        self.step_number += 1
        print("\n" + bold(f"{self.step_number}. {title}"))
        for line in explanation:
            print(f"   {line}")

    def sql(self, statement, *options, shown=True, database=DATABASE):
        """Runs a statement as typed, shows it and its output, and returns the output."""
        if shown:
            print("\n" + indented(as_typed(statement)))
        done = subprocess.run(
            ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--pset=null=NULL", f"--dbname={database}"]
            + list(options),
            input=statement, capture_output=True, text=True, env={**os.environ, "PAGER": "cat"},
        )
        if done.returncode:
            raise Failed(f"psql: {done.stderr.strip()}")
        if shown and done.stdout.strip():
            print(indented(done.stdout))
        return done.stdout

    def value(self, query):
        return self.sql(query, "--tuples-only", "--no-align", shown=False).strip()

    def wait_until(self, query, what):
        """Waits until a query answers true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.value(query) != "t":
            if time.monotonic() > deadline:
                raise Failed(f"{what} did not happen within {PATIENCE_SECONDS} seconds")

    def call_arrives(self):
        """Waits for the next call and shows it."""
        calls = self.receiver.wait_for_calls(self.seen + 1, PATIENCE_SECONDS)
        if calls is None:
            raise Failed(f"no call came within {PATIENCE_SECONDS} seconds")
        call = calls[self.seen]
        self.seen += 1
        print("\n    " + dim("the receiver got:"))
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature", "webhook-attempt"):
            print(f"    {name}: {call.headers.get(name)}")
        print(indented(one_line_a_key(call.message)))
        if call.problem:
            raise Failed(f"the signature was not accepted: {call.problem}")
        print("    " + bold("signature verified"))
        return call

    def no_more_calls(self):
        """Everything was delivered, and nothing came that was not expected."""
        self.wait_until("SELECT backlog = 0 FROM webhooks.status()", "an empty backlog")
        if len(self.receiver.calls) != self.seen:
            raise Failed(f"{len(self.receiver.calls)} calls came, {self.seen} were expected")

    def run(self):
        self.receiver.start()
        self.prepare()
        self.insert()
        self.update_without_change()
        self.update()
        self.delete()
        self.receiver_is_down()
        self.look()
        self.what_next()

    def prepare(self):
        self.sql(f"CREATE DATABASE {DATABASE}", shown=False, database="postgres")
        self.step("The extension, and a table to watch")
        self.sql("CREATE EXTENSION webhooks;")
        self.sql("CREATE TABLE orders (id bigint PRIMARY KEY, customer text, status text, total numeric);")
        self.wait_until("SELECT state = 'running' FROM webhooks.status()", "the start of the worker")
        self.sql("SELECT state, preloaded, extension_version, problem FROM webhooks.status();")

        self.step(
            "A webhook",
            f"A receiver listens on port {self.receiver.port} of this machine and verifies signatures with the secret.",
            "Private addresses are refused by default; this server has webhooks.allowed_networks = '127.0.0.0/8'.",
            "The retry schedule is short, so that you need not wait long below.",
        )
        answer = self.sql(
            "SELECT * FROM webhooks.create_webhook(\n"
            f"    'shipping', 'http://127.0.0.1:{self.receiver.port}/hooks', retry_schedule => '{{1s,1s,2s,5s,10s}}');"
        )
        self.receiver.secret = re.search(r"whsec_[A-Za-z0-9+/=]+", answer).group()
        self.sql(
            "SELECT webhooks.add_event('shipping', 'table.recordInsert', 'orders');\n"
            "SELECT webhooks.add_event('shipping', 'table.recordUpdate', 'orders', fields => '{status}');\n"
            "SELECT webhooks.add_event('shipping', 'table.recordDelete', 'orders');",
            "--tuples-only",
        )

    def insert(self):
        self.step("An insert is told")
        self.sql("INSERT INTO orders VALUES (1, 'Ada', 'new', 19.95);")
        self.call_arrives()

    def update_without_change(self):
        self.step(
            "An update that changes nothing that is watched is not told",
            "Neither one that sets the same value again, nor one of another column: Postgres itself decides, in the",
            "trigger's WHEN clause, and no message is recorded.",
        )
        before = self.value("SELECT count(*) FROM webhooks.message")
        self.sql("UPDATE orders SET status = 'new' WHERE id = 1;")
        self.sql("UPDATE orders SET total = 21.45 WHERE id = 1;")
        if self.value("SELECT count(*) FROM webhooks.message") != before:
            raise Failed("a message was recorded")
        self.no_more_calls()
        print("\n    " + bold("no message, no call"))

    def update(self):
        self.step(
            "An update that changes the status is told",
            "objectFields and old say what changed.",
        )
        self.sql("UPDATE orders SET status = 'shipped' WHERE id = 1;")
        self.call_arrives()

    def delete(self):
        self.step("A delete is told, with the row that is gone")
        self.sql("DELETE FROM orders WHERE id = 1;")
        self.call_arrives()

    def receiver_is_down(self):
        self.step(
            "The receiver is down, and comes back",
            "The insert commits at once all the same. The call is refused and tried again on the schedule, with the",
            "same webhook-id, so that a receiver can tell a repetition.",
        )
        self.no_more_calls()
        self.receiver.stop()
        print("\n    " + bold("the receiver is down"))
        self.sql("INSERT INTO orders VALUES (2, 'Grace', 'new', 7.25);")
        self.wait_until(
            "SELECT count(*) >= 2 FROM webhooks.attempt_log WHERE error LIKE 'refused%'", "a second attempt"
        )
        self.sql("SELECT attempt, status, error FROM webhooks.attempt_log WHERE error IS NOT NULL ORDER BY at;")
        self.receiver.start()
        print("\n    " + bold("the receiver is back"))
        self.call_arrives()

    def look(self):
        self.no_more_calls()
        self.step("What happened: the attempt log")
        self.sql(
            "SELECT message_id, event, attempt, status, duration, split_part(error, ':', 1) AS error\n"
            "FROM webhooks.attempt_log ORDER BY at;"
        )
        self.step("And the statistics")
        self.sql(
            "SELECT webhook, state, messages, calls, errors, delivered, failed, pending, p50_ms, p95_ms\n"
            "FROM webhooks.webhook_stats;"
        )

    def what_next(self):
        print("\n" + bold("What to try next"))
        print(
            """
    The extension is installed. In a server of yours, add this to postgresql.conf and restart it:

        shared_preload_libraries = 'webhooks'

    then, in a database: CREATE EXTENSION webhooks; and go on as above, with a URL of yours. The addresses of private
    networks have to be named in webhooks.allowed_networks first.

        examples/receiver.py PORT SECRET     this demo's receiver, to run by hand
        README.md                            all functions, views and settings
        docs/                                concepts, delivery, operations
"""
        )


def main():
    sys.stdout.reconfigure(line_buffering=True)
    try:
        Demo().run()
    except Failed as problem:
        sys.exit(f"\nerror: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read this has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
