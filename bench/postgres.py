"""A session of Postgres through libpq itself, so that nothing lies between the clock and the server.

psql would do but for its own time, and a driver would be a dependency; libpq is on every machine with Postgres.
"""

import ctypes
import ctypes.util
import time

_libpq = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
for _name, _result, _arguments in [
    ("PQconnectdb", ctypes.c_void_p, [ctypes.c_char_p]),
    ("PQstatus", ctypes.c_int, [ctypes.c_void_p]),
    ("PQerrorMessage", ctypes.c_char_p, [ctypes.c_void_p]),
    ("PQfinish", None, [ctypes.c_void_p]),
    ("PQexec", ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_char_p]),
    ("PQresultStatus", ctypes.c_int, [ctypes.c_void_p]),
    ("PQclear", None, [ctypes.c_void_p]),
    ("PQntuples", ctypes.c_int, [ctypes.c_void_p]),
    ("PQnfields", ctypes.c_int, [ctypes.c_void_p]),
    ("PQgetisnull", ctypes.c_int, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
    ("PQgetvalue", ctypes.c_char_p, [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]),
]:
    _function = getattr(_libpq, _name)
    _function.restype, _function.argtypes = _result, _arguments

_CONNECTION_OK = 0
_COMMAND_OK, _TUPLES_OK = 1, 2


class SqlError(Exception):
    """What the server says is wrong."""


class Session:
    """One connection, to the server that PGHOST points to."""

    def __init__(self, database="postgres"):
        self._connection = _libpq.PQconnectdb(f"dbname={database} options='-c client_min_messages=warning'".encode())
        if _libpq.PQstatus(self._connection) != _CONNECTION_OK:
            raise SqlError(self._error())

    def run(self, statements):
        """Runs one or several statements and returns the rows of the last, as lists of texts."""
        result = _libpq.PQexec(self._connection, statements.encode())
        try:
            if _libpq.PQresultStatus(result) not in (_COMMAND_OK, _TUPLES_OK):
                raise SqlError(self._error())
            columns = range(_libpq.PQnfields(result))
            return [[self._field(result, row, column) for column in columns] for row in range(_libpq.PQntuples(result))]
        finally:
            _libpq.PQclear(result)

    def value(self, query):
        """The one value that a query gives."""
        return self.run(query)[0][0]

    def wait_for_worker(self, patience_seconds=30):
        """Waits until the worker of this database runs, and gives its process id."""
        deadline = time.monotonic() + patience_seconds
        while not (pid := self.value("SELECT worker_pid FROM webhooks.status()")):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no worker runs after {patience_seconds} seconds")
            time.sleep(0.05)
        return pid

    def close(self):
        _libpq.PQfinish(self._connection)

    def _error(self):
        return _libpq.PQerrorMessage(self._connection).decode().strip()

    @staticmethod
    def _field(result, row, column):
        if _libpq.PQgetisnull(result, row, column):
            return None
        return _libpq.PQgetvalue(result, row, column).decode()
