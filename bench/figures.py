"""What the benchmarks share: options, the conditions of a run, and how figures are condensed and shown."""

import argparse
import os
import statistics


def options(description, **defaults):
    """The options of a benchmark, whole numbers all of them: name=(default, help)."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    for name, (default, help) in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{help} (default {default})")
    return parser.parse_args()


def conditions():
    """The load says whether the machine had something else to do: on an idle one it begins near 0."""
    load = " ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{os.cpu_count()} CPUs, load average before the run: {load}", flush=True)


def median(values):
    return statistics.median(values)


def percentile(values, percent):
    """The smallest value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def distribution(milliseconds):
    """A distribution of times in a few figures."""
    return (
        f"median {median(milliseconds):6.2f} ms   p95 {percentile(milliseconds, 95):6.2f} ms   "
        f"p99 {percentile(milliseconds, 99):6.2f} ms   max {max(milliseconds):6.2f} ms"
    )


def show(name, figure):
    """A line of the result."""
    print(f"  {name:<46} {figure}", flush=True)
