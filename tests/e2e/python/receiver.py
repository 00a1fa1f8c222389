"""A receiver in another language, with the library that a user would take: receiver.py

Prints the port it listens on. Reads commands from standard input, one a line, and answers each with a line:

    secret whsec_…    from now on, check every call's signature against this      ok
    report FILE       compare what arrived with the rows of this CSV file         a JSON object, see Report

Ends when standard input does. The flights table has no key: the test gives each row an `id`, counted from 1 in the
order of the file, so that every row can be told from its twin and compared with its line.
"""

import asyncio
import csv
import json
import sys
from collections import Counter

from standardwebhooks import Webhook, WebhookVerificationError

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Arrived:
    """What has arrived so far."""

    def __init__(self):
        self.webhook = None
        self.calls = 0
        self.bad_signatures = 0
        self.ids = Counter()  # by message id
        self.rows = Counter()  # by the row's own id
        self.lines = {}  # the row's values, as in the file

    def take(self, headers, body):
        self.calls += 1
        try:
            self.webhook.verify(body, headers)
        except WebhookVerificationError:
            self.bad_signatures += 1
        self.ids[headers["webhook-id"]] += 1
        (row,) = json.loads(body)["data"]
        number = row.pop("id")
        self.rows[number] += 1
        self.lines[number] = hash(tuple(as_in_file(value) for value in row.values()))

    def report(self, path):
        with open(path, newline="") as file:
            wanted = [hash(tuple(row)) for row in skip_header(csv.reader(file))]
        return {
            "calls": self.calls,
            "messages": len(self.ids),
            "rows": len(self.rows),
            "bad_signatures": self.bad_signatures,
            "repeated_messages": sum(1 for count in self.ids.values() if count > 1),
            "repeated_rows": sum(1 for count in self.rows.values() if count > 1),
            "missing_rows": sum(1 for number in range(1, len(wanted) + 1) if number not in self.rows),
            "wrong_rows": sum(
                1 for number, line in enumerate(wanted, 1) if number in self.lines and self.lines[number] != line
            ),
        }


def skip_header(rows):
    next(rows)
    return rows


def as_in_file(value):
    """A JSON value as the CSV file spells it."""
    if value is None:
        return "NA"
    text = str(value)
    return text.replace("+00:00", "Z") if text.endswith("+00:00") else text


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, just enough for a POST with a content-length."""

    def __init__(self, arrived):
        self.arrived = arrived
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            lines = self.buffer[:end].decode().split("\r\n")
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            stop = end + 4 + int(headers.get("content-length", 0))
            if len(self.buffer) < stop:
                return
            body, self.buffer = self.buffer[end + 4 : stop], self.buffer[stop:]
            self.arrived.take(headers, body)
            self.transport.write(ANSWER)


async def main():
    arrived = Arrived()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(arrived), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := (await commands.readline()).decode():
        command, _, argument = line.strip().partition(" ")
        if command == "secret":
            arrived.webhook = Webhook(argument)
            print("ok", flush=True)
        elif command == "report":
            print(json.dumps(arrived.report(argument)), flush=True)
        else:
            sys.exit(f"unknown command: {line}")


asyncio.run(main())
