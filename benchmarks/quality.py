"""Every contender on the same split: quality with intervals, time, memory, size.

    python benchmarks/quality.py DATA [--store FOLDER] [--only NAME] [--out FILE] [--readme] …

DATA holds train.parquet, validation.parquet and test.parquet (for the second cataloguer also
tmdb_to_freebase_genres.json). Each contender runs in a process of its own with the same number of
threads, and is ended after the minutes that ``contenders/__init__.py`` states (times --slack, for
a slower machine). A contender whose result stands in --runs or in --out is not run again unless it
is named with --only. The results of all go to --out (``results/quality-DATE.json``) and, as a
table, to the file beside it; --readme writes the tables between the marks of the READMEs, too.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from contenders import CONTENDERS  # noqa: E402
from installed import installed_mb  # noqa: E402
from pages import between_marks, write_results  # noqa: E402
from quality_table import render, short, standing  # noqa: E402
from scoring import Split, differences  # noqa: E402

README = HERE / "README.md"
FRONT_PAGE = HERE.parent / "README.md"
MARKS = ("<!-- peers: begin -->", "<!-- peers: end -->")
KINDS = {"contenders": "result", "unavailable": "unavailable"}
THREADS = "2"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--runs", type=Path, default=Path("runs/quality"))
    parser.add_argument("--only", choices=list(CONTENDERS), action="append")
    parser.add_argument("--skip", choices=list(CONTENDERS), action="append", default=[])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--sizes", action="store_true", help="measure all installed sizes here")
    parser.add_argument("--slack", type=float, default=1.0, help="multiplies every time budget")
    arguments = parser.parse_args(argv)
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    out = arguments.out or HERE / "results" / f"quality-{today}.json"
    known = {record["name"] for kind in KINDS for record in records(arguments.runs, out, kind)}
    for name in arguments.only or CONTENDERS:
        if name not in arguments.skip and (arguments.only or name not in known):
            folder = folder_of(arguments.runs, name)
            print(f"== {name}", flush=True)
            run(name, arguments.data, folder, arguments.store, arguments.slack)
            write(arguments.data, arguments.runs, out)
    write(arguments.data, arguments.runs, out, sizes=arguments.sizes)
    text = out.with_suffix(".md").read_text()
    print(text)
    if arguments.readme:
        between_marks(README, MARKS, text)
        between_marks(FRONT_PAGE, MARKS, short(json.loads(out.read_text())) + "\n")


def run(name: str, data: Path, folder: Path, store: Path, slack: float = 1.0) -> None:
    """One contender from nothing, in a process that is ended when its minutes are over."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "contenders.child", name, data, folder, store]
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, THREADS)
    environment |= {
        "PYTHONPATH": str(HERE),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "true",
    }
    minutes, log, begun = CONTENDERS[name].minutes * slack, folder / "log.txt", time.monotonic()
    reason = f"the process ended without a result; its last words: {log}"
    with log.open("w") as words:
        child = subprocess.Popen(
            [str(part if isinstance(part, str) else part.resolve()) for part in command],
            env=environment,
            stdout=words,
            stderr=subprocess.STDOUT,
        )
        try:
            child.wait(60 * minutes)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            reason = f"no result within its budget of {minutes:g} minutes"
    if (result := folder / "result.json").exists():
        # Rows of one table may come from several machines.
        result.write_text(json.dumps(json.loads(result.read_text()) | {"cpu": cpu()}))
        return
    if (folder / "unavailable.json").exists():
        return
    if "budget" not in reason:
        lines = [line for line in log.read_text().splitlines() if line.strip()]
        reason = f"it failed after {time.monotonic() - begun:.0f} s: {(lines or ['?'])[-1][:300]}"
    (folder / "unavailable.json").write_text(json.dumps({"name": name, "reason": reason}))


def write(data: Path, runs: Path, out: Path, *, sizes: bool = False) -> None:
    """Gather what all contenders left behind into the quality file and its table.

    With ``sizes``, every installed size is measured anew in this environment, so that sizes from
    runs of several environments (another installer, another build of torch) can be compared.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    split = Split.read(data)
    quality: dict[str, Any] = {
        "split": split.as_dict(data),
        "machine": recorded(out).get("machine", {"cpu": cpu(), "threads": int(THREADS)}),
    } | {kind: records(runs, out, kind) for kind in KINDS}
    for record in quality["contenders"] if sizes else ():
        record["installed_mb"] = installed_mb(CONTENDERS[record["name"]].requires)
    if split.second is not None:
        agreement = split.second.agreement()
        quality["second_cataloguer"] = {
            "films": len(split.second.rows),
            "tmdb_against_freebase_micro_f1": {
                "value": agreement.value, "low": agreement.low, "high": agreement.high,
            },
        }  # fmt: skip
    quality["ours_less_best_peer"] = paired(split, quality["contenders"], runs, out)
    write_results(out, quality)
    out.with_suffix(".md").write_text(render(quality))


def records(runs: Path, out: Path, kind: str) -> list[dict[str, Any]]:
    """Of each contender what its run left behind, else what the quality file already holds."""
    written = {record["name"]: record for record in recorded(out).get(kind, [])}
    found = []
    for name in CONTENDERS:
        ran = any((folder_of(runs, name) / f"{file}.json").exists() for file in KINDS.values())
        file = folder_of(runs, name) / f"{KINDS[kind]}.json"
        if file.exists():
            found.append(json.loads(file.read_text()))
        elif not ran and name in written:
            found.append(written[name])
    return found


def recorded(out: Path) -> dict[str, Any]:
    """The quality file as it stands, empty where there is none."""
    return json.loads(out.read_text()) if out.exists() else {}


def paired(split: Split, contenders: list[dict[str, Any]], runs: Path, out: Path) -> dict[str, Any]:
    """Per metric: our best recipe, the best peer, and their difference on the same resamples.

    The difference of a pair whose probabilities are no longer in ``runs`` is what the quality file
    says of the very same runs, or None.
    """
    found: dict[str, Any] = {}
    for metric, (ours, peer) in standing(contenders).items():
        pair = {
            "ours": ours["name"], "peer": peer["name"],
            "finished": [ours.get("finished"), peer.get("finished")],
        }  # fmt: skip
        before = recorded(out).get("ours_less_best_peer", {}).get(metric, {})
        if all((folder_of(runs, pair[side]) / "test.npy").exists() for side in ("ours", "peer")):
            difference = cached_differences(split, ours, peer, runs).get(metric)
        else:
            same = all(before.get(key) == value for key, value in pair.items())
            difference = before.get("difference") if same else None
        found[metric] = pair | {"difference": difference}
    return found


def cached_differences(
    split: Split, ours: dict[str, Any], peer: dict[str, Any], runs: Path
) -> dict[str, Any]:
    """All metrics' differences of a pair, computed once a run."""
    cached = folder_of(runs, ours["name"]) / f"less {folder_of(runs, peer['name']).name}.json"
    newest = max(ours.get("finished", 0), peer.get("finished", 0))
    if not cached.exists() or cached.stat().st_mtime < newest:
        sides = (stored(runs, peer["name"]), stored(runs, ours["name"]))
        cached.write_text(json.dumps(differences(split, *sides)))
    return dict(json.loads(cached.read_text()))


def stored(runs: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    folder = folder_of(runs, name)
    return np.load(folder / "test.npy"), np.load(folder / "decisions.npy")


def folder_of(runs: Path, name: str) -> Path:
    return runs / name.replace(" ", "-")


def cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "?")


if __name__ == "__main__":
    main()
