"""The runtime check: a graph is used as a runtime runs it only where it was seen to be right.

Runtimes compile a graph for the processor that they find, and some of what they compile is wrong.
OpenVINO 2026.4 with int8 weights on a processor with bfloat16 gave cosines of 0.15 to 0.88 with the
right vectors at some widths and more than one stream. Held to AVX2 it gives zeros.

So the very graph that will be used reads token ids of several lengths, all its streams at once,
and is compared with onnxruntime in float32. It reads each text alone and beside others, for which
some choose other instructions, and has to give the same vector. The verdict is kept in the user's
cache folder.

Farthest vector from float32, relative to the vectors' spread, on an AMD EPYC (Zen 4) with OpenVINO
2026.4.1 and onnxruntime 1.32; 11 encoders, MiniLM and the package's own among them, of 32 to 768
dimensions and 2 to 12 layers: bfloat16 at most 0.042, int8 at most 0.066. A cosine of 0.88 is about
0.5.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from plotgenre.embedding.encoders.encoder import Vectors, first_line
from plotgenre.embedding.encoders.graph import (
    Graph,
    Ids,
    Runtime,
    open_graph,
    runtimes_here,
    wider_than_int8,
)
from plotgenre.embedding.encoders.processor import processor_identity
from plotgenre.errors import EncoderError
from plotgenre.user_cache import cache_folder
from plotgenre.whole_files import write_whole

# Three times what was right, less than half of what was wrong.
MOST_DISTANCE = 0.2
# Rounding in 8 bits moves vectors by a hundredth; another order of a sum, by a millionth.
_ROUNDED = 1e-4
# Between a text's vector alone and beside others; another order of a sum gives a millionth.
_MOST_MOVED = 1e-4
# Tokens: kernels differ for few rows, for whole blocks, and for what is left of a block.
_LENGTHS = (1, 5, 17, 65, 129)
# Tokens that are read beside a text: where kernels differ by rows, they do so for few.
_WITH_OTHERS = 64
# Part of a record's name; raise it where what is checked changes.
_VERSION = 2

Read = Callable[[Graph, Ids], Vectors]


@dataclass(frozen=True, slots=True)
class Checked:
    """A graph to be used, and how that was decided.

    Parameters
    ----------
    graph
        The graph as loaded.
    runtime
        What runs it, and how.
    distance
        How far its farthest vector lay from that of onnxruntime in float32, relative to the spread
        of the vectors, no unit; 0 for onnxruntime in float32 itself.
    refused
        A sentence for each faster way that was tried and was wrong or failed.
    """

    graph: Graph
    runtime: Runtime
    distance: float
    refused: tuple[str, ...]

    def __str__(self) -> str:
        runtime = replace(self.runtime, precision=self.graph.precision)
        if self.distance == 0:
            return str(runtime)
        return f"{runtime}; at most {self.distance:.3f} from float32"


def check_lengths(least: int, most: int) -> list[int]:
    """Lengths of the check's texts in tokens, ascending: from ``least`` to a full slice."""
    longest = min(most, _LENGTHS[-1])
    return sorted({least, longest, *(one for one in _LENGTHS if least <= one <= longest)})


def checked_graph(
    path: Path,
    identity: str,
    asked: tuple[str, str],
    read: Read,
    batches: Callable[[int], Sequence[Ids]],
) -> Checked:
    """Load a graph for the fastest runtime whose vectors are right here.

    Parameters
    ----------
    path
        The graph's file.
    identity
        A digest of all that decides what ``read`` and ``batches`` give.
    asked
        Runtime and precision, as in `EncoderSettings`. Where they cannot be had right, a slower
        runtime or a wider precision takes their place, and a warning says so.
    read
        From a graph and ids (b, t) to vectors (b, d).
    batches
        At most so many batches of token ids as the encoder makes them, shapes (b, t), the shortest
        first. Shorter ones would harm: a graph without masks whose first text has 1 token reads
        others wrongly in OpenVINO 2026.4, and no text of most encoders is that short.

    Raises
    ------
    EncoderError
        If the file is no ONNX graph, or onnxruntime in float32 cannot read it or gives NaN.
    MissingExtraError
        If the runtime that is asked for is not installed.
    """
    *faster, plain = runtimes_here(*asked)
    if not faster:
        # That is what others are compared with: a glance is enough.
        graph = open_graph(path, plain)
        _expected(path, graph, read, batches(2))
        return Checked(graph, plain, 0.0, ())
    place = _place(identity, [*faster, plain])
    checked = _remembered(place, path, [*faster, plain]) if place else None
    if checked is None:
        checked = _check(path, faster, plain, read, batches(len(_LENGTHS)))
        if place:
            _remember(place, checked)
    if checked.refused:
        logging.getLogger(__name__).warning(
            "%s; so the encoder %s is run by %s", "; ".join(checked.refused), path.parent, checked
        )
    return checked


def _check(
    path: Path, faster: Sequence[Runtime], plain: Runtime, read: Read, batches: Sequence[Ids]
) -> Checked:
    refused: list[str] = []
    with ThreadPoolExecutor(1, "plotgenre-check") as pool:
        referring = pool.submit(_reference, path, plain, read, batches)
        # A tokenizer that skips every word leaves nothing to judge by.
        for runtime in faster if batches else ():
            try:
                graph = open_graph(path, runtime)
                alone, beside = _vectors(graph, read, batches)
                _, expected = referring.result()
                distance = _distance([*alone, *beside], [*expected, *expected[: len(beside)]])
                moved = _distance(beside, alone[: len(beside)])
                if distance > MOST_DISTANCE:
                    said = f"gave wrong vectors here ({distance:.2g} from float32)"
                elif moved > _MOST_MOVED:
                    said = f"gave vectors that hang on the batch here (moved by {moved:.2g})"
                else:
                    precision = _computed_in(path, runtime, graph, read, batches, alone, expected)
                    graph = replace(graph, precision=precision)
                    return Checked(graph, runtime, distance, tuple(refused))
            except Exception as broken:
                # Whatever a runtime raises, others may read; onnxruntime's share no base but
                # Exception. A file that is broken itself raises here.
                referring.result()
                said = f"failed here: {first_line(broken)}"
            refused.append(f"{runtime} {said}")
        return Checked(referring.result()[0], plain, 0.0, tuple(refused))


def _reference(
    path: Path, plain: Runtime, read: Read, batches: Sequence[Ids]
) -> tuple[Graph, list[Vectors]]:
    graph = open_graph(path, plain)
    return graph, _expected(path, graph, read, batches)


def _vectors(
    graph: Graph, read: Read, batches: Sequence[Ids]
) -> tuple[list[Vectors], list[Vectors]]:
    """All batches, then all but the longest beside others, side by side, so that streams work."""
    short = [_with_others(ids) for ids in batches[:-1] or batches]
    found = graph.side_by_side(lambda ids: read(graph, ids), [*batches, *short])
    alone, beside = found[: len(batches)], found[len(batches) :]
    return alone, [of_all[: len(own)] for own, of_all in zip(alone, beside, strict=False)]


def _with_others(ids: Ids) -> Ids:
    """Ids (b, t), and below them others of the same length."""
    length = ids.shape[1]
    return np.vstack([ids, np.resize(ids[:, ::-1], (-(-_WITH_OTHERS // length), length))])


def _expected(path: Path, graph: Graph, read: Read, batches: Sequence[Ids]) -> list[Vectors]:
    try:
        expected = [read(graph, ids) for ids in batches]
    except EncoderError:
        raise
    except Exception as broken:
        # onnxruntime's own exceptions share no base but Exception.
        raise EncoderError(f"{path} reads no token ids: {first_line(broken)}") from broken
    if not all(np.isfinite(one).all() for one in expected):
        raise EncoderError(f"{path} gives vectors with NaN or infinity; expected finite numbers")
    return expected


def _distance(found: Sequence[Vectors], expected: Sequence[Vectors]) -> float:
    """The farthest vector's distance, relative to how far the expected lie from their middle.

    Not to their length: where all texts' vectors have much in common, that tells little. A vector
    that lies farther out than half of them is measured by its own distance, as single tokens can.
    """
    right = np.concatenate(expected).astype(np.float64)
    with np.errstate(all="ignore"):
        far = np.linalg.norm(np.concatenate(found) - right, axis=1)
    out = np.linalg.norm(right - np.median(right, axis=0), axis=1)
    relative = float((far / np.maximum(np.maximum(out, np.median(out)), 1e-12)).max())
    return relative if np.isfinite(relative) else float("inf")


def _computed_in(
    path: Path,
    runtime: Runtime,
    graph: Graph,
    read: Read,
    batches: Sequence[Ids],
    found: Sequence[Vectors],
    expected: Sequence[Vectors],
) -> str:
    """What a graph computes in; int8 is believed where it moves vectors, as no runtime tells.

    OpenVINO's execution graph names the same primitives with dynamic quantization and without.
    """
    if runtime.precision != "int8":
        return graph.precision
    wider = wider_than_int8() if runtime.name == "openvino" else "float32"
    # Float32 is what the expected vectors are in.
    if wider != "float32":
        other = open_graph(path, replace(runtime, precision=wider, lanes=1))
        expected = [read(other, ids) for ids in batches[:2]]
    moved = _distance(found[: len(expected)], expected)
    return "int8" if moved > _ROUNDED else wider


def _place(identity: str, runtimes: Sequence[Runtime]) -> Path | None:
    """Where the verdict is kept: named by all that it depends on."""
    facts = [_VERSION, identity, [asdict(one) for one in runtimes], processor_identity()]
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    try:
        return cache_folder() / "runtimes" / f"{name[:32]}.json"
    except RuntimeError:
        return None


def _remembered(place: Path, path: Path, runtimes: Sequence[Runtime]) -> Checked | None:
    """The verdict of before; none where it cannot be read, or what it names does not load."""
    try:
        record: Any = json.loads(place.read_text(encoding="utf-8"))
        runtime = next(one for one in runtimes if asdict(one) == record["runtime"])
        precision, distance, refused = (record[key] for key in ("precision", "distance", "refused"))
        if not 0 <= float(distance) <= MOST_DISTANCE:
            return None
        graph = replace(open_graph(path, runtime), precision=str(precision))
        return Checked(graph, runtime, float(distance), tuple(map(str, refused)))
    except (OSError, ValueError, TypeError, LookupError, StopIteration, EncoderError):
        return None


def _remember(place: Path, checked: Checked) -> None:
    record: Mapping[str, object] = {
        "runtime": asdict(checked.runtime),
        "precision": checked.graph.precision,
        "distance": checked.distance,
        "refused": checked.refused,
    }
    try:
        write_whole(place, json.dumps(record).encode())
    except OSError:
        # Then the next process checks again.
        return
