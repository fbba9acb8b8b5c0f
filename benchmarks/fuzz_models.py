"""Mutated model folders: each is refused in one sentence, or answers as it did before.

    python benchmarks/fuzz_models.py [--model standard] [--mutants 3000] [--seed 0]

A mutant has one file of the folder changed: bits flipped, cut off, swapped with another file,
numbers in JSON edited, fields or tensors renamed, replaced by a folder, a pipe or a link. Every
fourth mutant of a file has its digests made to fit, as a stranger would write it; its answers may
differ, but it too is read or refused within a minute. Each is loaded in a process of its own.
Exits with 1 if an answer changed unseen, an error was no sentence, or a process crashed or hung.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import select
import shutil
import signal
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from plotgenre import GenreClassifier
from plotgenre.artefact import description_digest
from plotgenre.errors import PlotgenreError
from plotgenre.hub import SHIPPED, local_folder
from plotgenre.json_files import write_digested

PLOTS = [
    "A ghost haunts the house of a retired detective.",
    "Two strangers share a taxi through a storm, and fall in love before the morning.",
    "War.",
]
SECONDS = 60
MEMORY = 8 * 2**30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="standard", help="a folder, or a model of the package")
    parser.add_argument("--mutants", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance, found, wrong = random.Random(arguments.seed), Counter[str](), []
    with tempfile.TemporaryDirectory() as room:
        whole = whole_model(local_folder(arguments.model, None), Path(room) / "whole")
        before = answers(whole)
        if before["kind"] != "answer":
            raise SystemExit(f"the model itself is refused: {before}")
        files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
        for number in range(arguments.mutants):
            mutant = Path(room) / "mutant"
            shutil.copytree(whole, mutant, copy_function=os.link)
            file, way = chance.choice(files), chance.choice(WAYS)
            way(mutant, file, chance)
            fitted = number % 4 == 3 and way is not something_else and fit_digests(mutant)
            outcome = answers(mutant)
            kind = judged(outcome, before, fitted)
            found[kind] += 1
            if kind.isupper():
                wrong.append(
                    f"{number}: {way.__name__} {file}{' fitted' if fitted else ''}: {outcome}"
                )
                print(wrong[-1][:400], file=sys.stderr, flush=True)
            shutil.rmtree(mutant)
    print(json.dumps({"mutants": arguments.mutants, **dict(sorted(found.items()))}, indent=1))
    raise SystemExit(bool(wrong))


def judged(outcome: dict[str, Any], before: dict[str, Any], fitted: bool) -> str:
    """In capitals what must not be."""
    if outcome["kind"] == "answer":
        if outcome == before:
            return "same answer"
        return "another answer, digests made to fit" if fitted else "SILENT CHANGE"
    if outcome["kind"] == "refused" and len(outcome["said"].splitlines()) == 1:
        return "refused in one sentence"
    return {"refused": "SEVERAL LINES"}.get(outcome["kind"], outcome["kind"].upper())


def whole_model(source: Path, folder: Path) -> Path:
    """A copy with its encoder in it."""
    shutil.copytree(source, folder)
    if not (folder / "encoder").is_dir() and (source.parent / "encoder").is_dir():
        shutil.copytree(source.parent / "encoder", folder / "encoder")
    return folder


def answers(folder: Path) -> dict[str, Any]:
    """What a process that loads the folder says: an answer, a refusal, or how it ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        try:
            model = GenreClassifier.load(folder)
            P = model.predict_proba(PLOTS)
            digest = hashlib.sha256(P.tobytes()).hexdigest()
            told = {"kind": "answer", "P": digest, "tags": model.predict(PLOTS)}
        except PlotgenreError as refused:
            told = {"kind": "refused", "said": str(refused)}
        except BaseException as error:
            told = {"kind": "traceback", "said": f"{type(error).__name__}: {error}"[:300]}
        with os.fdopen(writing, "w") as pipe:
            json.dump(told, pipe)
            pipe.flush()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        if not select.select([pipe], [], [], SECONDS)[0]:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return {"kind": "hung"}
        text = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    found: dict[str, Any] = json.loads(text) if text else {"kind": "crashed", "said": status}
    return found


# ---------------------------------------------------------------- mutations


def written(path: Path, content: bytes) -> None:
    # Another file of that name: this one is shared with the whole model.
    path.unlink()
    path.write_bytes(content)


def flip(model: Path, file: Path, chance: random.Random) -> None:
    content = bytearray((model / file).read_bytes())
    for _ in range(chance.choice((1, 1, 8))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    written(model / file, bytes(content))


def flip_at_the_start(model: Path, file: Path, chance: random.Random) -> None:
    content = bytearray((model / file).read_bytes())
    content[chance.randrange(min(len(content), 2000))] ^= 1 << chance.randrange(8)
    written(model / file, bytes(content))


def cut(model: Path, file: Path, chance: random.Random) -> None:
    content = (model / file).read_bytes()
    written(model / file, content[: chance.randrange(len(content))])


def insert(model: Path, file: Path, chance: random.Random) -> None:
    content = (model / file).read_bytes()
    at = chance.randrange(len(content))
    written(model / file, content[:at] + chance.randbytes(chance.randrange(1, 9)) + content[at:])


def swap(model: Path, file: Path, chance: random.Random) -> None:
    files = sorted(path for path in model.rglob("*") if path.is_file())
    first, second = model / file, chance.choice(files)
    kept = first.with_name("kept")
    first.rename(kept)
    if second.exists():
        second.rename(first)
    kept.rename(second)


def of_another_model(model: Path, file: Path, chance: random.Random) -> None:
    other = chance.choice(sorted(path for path in SHIPPED.rglob(file.name) if path.is_file()))
    written(model / file, other.read_bytes())


def remove(model: Path, file: Path, chance: random.Random) -> None:
    (model / file).unlink()


def something_else(model: Path, file: Path, chance: random.Random) -> None:
    path = model / file
    path.unlink()
    made: list[Callable[[], None]] = [
        path.mkdir,
        lambda: os.mkfifo(path),
        lambda: path.symlink_to("/etc/hostname"),
        lambda: path.symlink_to("/dev/zero"),
        lambda: path.symlink_to(path.name),
    ]
    chance.choice(made)()


def edit_json(model: Path, file: Path, chance: random.Random) -> None:
    """Edit a number, rename or remove a field, or nest a value, in one of the JSON files."""
    file = chance.choice([Path("config.json"), Path("encoder/encoder.json"), file])
    if file.suffix != ".json" or not (model / file).is_file():
        return edit_tensors(model, file, chance)
    content = json.loads((model / file).read_text())
    places: list[tuple[Any, Any]] = []
    level: list[Any] = [content]
    while level:
        part = level.pop()
        keys = list(part) if isinstance(part, dict) else range(len(part))
        places += [(part, key) for key in keys]
        level += [part[key] for key in keys if isinstance(part[key], dict | list)]
    part, key = chance.choice(places)
    value = part[key]
    if isinstance(value, int | float) and not isinstance(value, bool):
        part[key] = chance.choice([value + 1, value * 0.5, -value, 10**12, 1e308, 0, value + 1e-3])
    elif isinstance(value, str):
        part[key] = chance.choice([value + "x", "", value.upper(), 7, None, "\x00" * 10])
    elif isinstance(value, bool):
        part[key] = not value
    else:
        part[key] = chance.choice([None, [], {}, [value] * 2, nested(chance.choice((50, 500)))])
    if isinstance(part, dict) and chance.random() < 0.2:
        part[f"{key}x"] = part.pop(key)
    written(model / file, json.dumps(content, indent=2, ensure_ascii=False).encode())
    return None


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def nest_deep(model: Path, file: Path, chance: random.Random) -> None:
    file = file if file.suffix == ".json" else Path("config.json")
    levels = chance.choice((90, 200, 2000, 200_000))
    content = (model / file).read_text().rstrip().removesuffix("}")
    written(model / file, (content + ', "x": ' + "[" * levels + "]" * levels + "}").encode())


def edit_tensors(model: Path, file: Path, chance: random.Random) -> None:
    """Rename a tensor, or change its shape or type, in the head's header."""
    path = model / "head.safetensors"
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    name = chance.choice(sorted(header))
    way = chance.randrange(4)
    if way == 0:
        header[name + "x"] = header.pop(name)
    elif way == 1:
        other = chance.choice(sorted(header))
        header[name], header[other] = header[other], header[name]
    elif way == 2:
        header[name]["shape"] = [10**12, *header[name]["shape"]]
    else:
        header[name]["dtype"] = chance.choice(["BF16", "I32", "F64", "F32", "U8"])
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    written(path, struct.pack("<Q", len(told)) + told + content[8 + size :])


WAYS = [
    flip, flip_at_the_start, cut, insert, swap, of_another_model, remove, something_else,
    edit_json, edit_json, edit_json, nest_deep, edit_tensors,
]  # fmt: skip


def fit_digests(model: Path) -> bool:
    """Make the digests fit what is there; False where there is no JSON to put them in."""
    try:
        described, encoder = model / "encoder" / "encoder.json", model / "encoder"
        told = json.loads(described.read_text())
        for key, name in (("model_sha256", "model.onnx"), ("tokenizer_sha256", "tokenizer.json")):
            told[key] = hashlib.sha256((encoder / name).read_bytes()).hexdigest()
        write_digested(described, told)
        config = json.loads((model / "config.json").read_text())
        config["head_sha256"] = hashlib.sha256(
            (model / "head.safetensors").read_bytes()
        ).hexdigest()
        config["encoder"] |= description_digest(encoder)
        write_digested(model / "config.json", config)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False
    return True


if __name__ == "__main__":
    main()
