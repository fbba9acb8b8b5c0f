"""Kills `plotgenre tag -o` at random moments and begins it again, until it has been killed enough.

    python benchmarks/kill_and_resume.py [--kills 50] [--rows 4000] [--seed 0]

Each round tags a table anew and is killed (SIGKILL) after a random number of new parts and a random
part of 50 ms more: while the model is loaded, while parts are written, while they are joined to one
file. Then the output is compared with that of a run that was never killed, row by row. Prints a
line a kill, and how many rows were lost, are there twice, or differ. Words alone; takes about a
second a kill.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from batch_films import command, plots_of, write_table

ROWS_PER_PART = 40


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: rounds, kills, and of all rounds' rows those lost, twice and other."""

    rounds: int
    kills: int
    in_joining: int
    lost: int
    twice: int
    other: int

    def __str__(self) -> str:
        return (
            f"{self.kills} kills in {self.rounds} rounds, {self.in_joining} of them after the last "
            f"part was written: rows lost {self.lost}, rows twice {self.twice}, rows that differ "
            f"{self.other}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        outcome = killed(Path(room), arguments.kills, arguments.rows, arguments.seed)
    print(outcome)
    if outcome.lost or outcome.twice or outcome.other:
        raise SystemExit(1)


def killed(
    room: Path, kills: int, rows: int, seed: int, say: Callable[[str], None] = print
) -> Outcome:
    """Rounds in a folder until there were so many kills, each round then to its end.

    At most half of the kills are of one round, so that both kinds of output are killed.
    """
    chance = random.Random(seed)
    source = room / "films.csv"
    # Short ones, so that a round has many parts.
    write_table(source, [plot[:150] for plot in plots_of()], rows)
    options = ("--fast", "--rows-per-part", str(ROWS_PER_PART))
    whole = room / "whole.jsonl"
    finish(command(source, whole, *options))
    expected = whole.read_text("utf-8").splitlines()
    every = len(expected) // ROWS_PER_PART
    done, late, rounds, lost, twice, other = 0, 0, 0, 0, 0, 0
    while done < kills:
        rounds += 1
        last = min(done + -(-kills // 2), kills)
        # Of both kinds in turn: one file that parts are joined to, and a folder of parts.
        output = room / (f"out-{rounds}.jsonl" if rounds % 2 else f"out-{rounds}")
        parts = output.with_name(output.name + ".parts") if rounds % 2 else output
        while done < last:
            began, before = time.monotonic(), count(parts)
            process = subprocess.Popen(
                command(source, output, *options, "--resume"), stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )  # fmt: skip
            wanted = min(before + chance.randint(0, every // 4), every)
            while count(parts) < wanted and process.poll() is None:
                time.sleep(0.002)
            time.sleep(chance.random() * (0.05 if wanted > before else 0.8))
            process.kill()
            _, said = process.communicate()
            if process.returncode == 0:
                break
            if process.returncode > 0:
                raise SystemExit(said.decode())
            done += 1
            written = count(parts)
            late += written >= every or output.is_file()
            say(
                f"kill {done}: after {time.monotonic() - began:.2f} s, {written} of {every} parts "
                f"{'and the file are' if output.is_file() else 'are'} there"
            )
        finish(command(source, output, *options, "--resume"))
        differ = differences(read(output), expected)
        lost, twice, other = (a + b for a, b in zip((lost, twice, other), differ, strict=True))
    return Outcome(rounds, done, late, lost, twice, other)


def differences(found: list[str], expected: list[str]) -> tuple[int, int, int]:
    """Rows lost, rows twice, and rows that differ, of lines of JSON with ids."""
    rows: dict[str, str] = {}
    times: Counter[str] = Counter()
    for line in found:
        name = json.loads(line)["id"]
        rows[name] = line
        times[name] += 1
    wanted = {json.loads(line)["id"]: line for line in expected}
    lost = len(wanted.keys() - rows.keys())
    other = sum(wanted.get(name) != line for name, line in rows.items())
    return lost, sum(times.values()) - len(times), other


def finish(what: list[str]) -> None:
    subprocess.run(what, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def count(folder: Path) -> int:
    return len(list(folder.glob("part-*"))) if folder.is_dir() else 0


def read(output: Path) -> list[str]:
    files = sorted(output.glob("part-*")) if output.is_dir() else [output]
    return [line for file in files for line in file.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    main()
