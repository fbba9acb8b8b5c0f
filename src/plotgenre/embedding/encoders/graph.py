"""Graphs: an ONNX file made callable by onnxruntime, or by OpenVINO where that is faster.

OpenVINO is that where it is installed and computes in fewer bits: in bfloat16, where the processor
has instructions for it, or in whole numbers. In float32 OpenVINO is as fast on many plots and
slower one plot at a time.

Both multiply whole numbers where that is asked for and the weights are such: what a token brings is
then rounded in groups of neighbours, each with its own scale, so that a text's vector still depends
on no other text. Both take all cores, but where OMP_NUM_THREADS says how many, as it does to numpy
and torch, and as Ray and Spark say it to each of their processes.

Cores are lanes rather than hands on one product: each reads a batch of its own. Threads that share
a product of this size wait for each other at its end, most of all where a core has other work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from threading import BoundedSemaphore
from typing import Any

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.encoders.encoder import first_line
from plotgenre.embedding.encoders.processor import openvino_has_bfloat16
from plotgenre.errors import EncoderError, MissingExtraError

Ids = npt.NDArray[np.int64]
Output = npt.NDArray[np.float32]

# Numbers of a token that are rounded by one scale: fewer are closer, more are faster.
_GROUP = 64
# More of them hold more memory than they save time.
_MOST_LANES = 8


@dataclass(frozen=True, slots=True)
class Graph:
    """A loaded graph.

    Parameters
    ----------
    run
        From inputs of shape (b, s) by name to the first output, (b, d) or (b, s, d). May be called
        by several threads at once.
    inputs
        Names of the inputs that ``run`` wants.
    precision
        ``float32``, ``bfloat16`` or ``int8``: what it computes in, as far as its runtime tells.
    lanes
        Batches that run side by side.
    """

    run: Callable[[dict[str, Ids]], Output]
    inputs: list[str]
    precision: str
    lanes: int

    def side_by_side(self, read: Callable[[Ids], Output], batches: Sequence[Ids]) -> list[Output]:
        """What ``read``, which calls ``run``, makes of each batch, as many at once as lanes."""
        if self.lanes == 1 or len(batches) < 2:
            return [read(batch) for batch in batches]
        pool = ThreadPoolExecutor(min(self.lanes, len(batches)), "plotgenre-lane")
        reading: list[Future[Output]] = []
        try:
            try:
                for batch in batches:
                    reading.append(pool.submit(read, batch))
            except RuntimeError:
                # The interpreter is ending, and starts no more threads.
                return [read(batch) for batch in batches]
            return [one.result() for one in reading]
        finally:
            _end(pool, reading)


def _end(pool: ThreadPoolExecutor, reading: Sequence[Future[Output]]) -> None:
    """Begin nothing more, and wait for what has begun, however often that is interrupted.

    A process that ends while a thread of its own is in OpenVINO ends by abort. Futures are waited
    for, not threads: Python 3.11 takes a thread whose join is interrupted for one that has ended.
    """
    while True:
        try:
            pool.shutdown(wait=False, cancel_futures=True)
            wait([one for one in reading if not one.cancelled()])
        except KeyboardInterrupt:
            continue
        return


@dataclass(frozen=True, slots=True)
class Runtime:
    """What would run a graph here, and how.

    Parameters
    ----------
    name, version
        ``openvino`` or ``onnxruntime``, as installed.
    precision
        ``float32``, ``bfloat16`` or ``int8``: what it is told to compute in.
    threads
        Threads that it takes in all.
    lanes
        Batches that run side by side; OpenVINO calls them streams.
    """

    name: str
    version: str
    precision: str
    threads: int
    lanes: int

    def __str__(self) -> str:
        lanes = "1 batch" if self.lanes == 1 else f"{self.lanes} batches"
        return f"{self.name} {self.version} in {self.precision}, {lanes} at a time"


def runtimes_here(runtime: str = "auto", precision: str = "auto") -> list[Runtime]:
    """What can run graphs here, the fastest first; what follows is for where that errs.

    Fewer streams come next, then more bits; the last is always onnxruntime in float32, with which
    the others are compared. The first one is OpenVINO where that is faster.

    Parameters
    ----------
    runtime
        As in `EncoderSettings`.
    precision
        As in `EncoderSettings`; ``auto`` is bfloat16 where OpenVINO is installed and the processor
        has it, else float32. Whoever asks for bfloat16 gets OpenVINO's, emulated or not.

    Raises
    ------
    MissingExtraError
        If OpenVINO is asked for and not installed.
    """
    if runtime == "openvino" and not find_spec("openvino"):
        raise MissingExtraError("The runtime OpenVINO", "openvino")
    threads = threads_here()
    lanes = lanes_of(threads)
    found: list[Runtime] = []
    if runtime != "onnxruntime" and find_spec("openvino"):
        precisions = [wider_than_int8() if precision == "auto" else precision]
        if runtime == "openvino" and precisions != ["float32"]:
            precisions.append("float32")
        found = [
            Runtime("openvino", version("openvino"), one, threads, streams)
            for one in precisions
            for streams in sorted({lanes, 1}, reverse=True)
            if runtime == "openvino" or one != "float32"
        ]
    # Which has no bfloat16.
    precisions = ["int8", "float32"] if precision == "int8" else ["float32"]
    plain = Runtime("onnxruntime", version("onnxruntime"), "float32", threads, lanes)
    return found + [replace(plain, precision=one) for one in precisions]


def load_graph(path: Path, precision: str, runtime: str = "auto") -> Graph:
    """Load ``path`` for the first of `runtimes_here`, unchecked.

    Raises
    ------
    EncoderError
        As `open_graph`.
    MissingExtraError
        As `runtimes_here`.
    """
    return open_graph(path, runtimes_here(runtime, precision)[0])


def open_graph(path: Path, runtime: Runtime) -> Graph:
    """Load ``path`` for the processor; ``int8`` wants weights in 8 bits.

    Raises
    ------
    EncoderError
        If the file is no ONNX graph that the runtime can run.
    """
    load = _openvino if runtime.name == "openvino" else _onnxruntime
    try:
        return load(path, runtime)
    except (RuntimeError, ValueError, OSError) as broken:
        raise EncoderError(
            f"{path} cannot be loaded as an ONNX graph: {first_line(broken)}"
        ) from broken


def threads_here() -> int:
    """How many threads graphs take: those wanted, else as many as this process may use cores."""
    allowed = getattr(os, "sched_getaffinity", None)
    return threads_wanted() or (len(allowed(0)) if allowed else os.cpu_count() or 1)


def threads_wanted() -> int:
    """How many threads OMP_NUM_THREADS leaves this process; 0 where it does not say."""
    # A list is one of nested parallel regions; these runtimes have the first alone.
    said = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(said) if said.isdecimal() else 0


def lanes_of(threads: int) -> int:
    """How many lanes of equally many threads, so that hardly a thread is left over."""
    each = -(-threads // _MOST_LANES)
    return threads // each


def _openvino(path: Path, runtime: Runtime) -> Graph:
    import openvino

    core, whole = openvino.Core(), runtime.precision == "int8"
    narrow = wider_than_int8() == "bfloat16" if whole else runtime.precision == "bfloat16"
    settings: dict[str, str | int | bool] = {
        "INFERENCE_PRECISION_HINT": "bf16" if narrow else "f32",
        # Unasked, int8 weights make some versions of it round activations as well.
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": _GROUP if whole else 0,
        "NUM_STREAMS": runtime.lanes,
        "INFERENCE_NUM_THREADS": runtime.threads,
        # Else every process of one thread is tied to the same core, and two are as slow as one.
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(str(path), "CPU", settings)
    # Its table of number types is made at first use, and two threads at once would wait for each
    # other there for ever.
    _ = openvino.Tensor(np.zeros((1, 1), dtype=np.int64)).data
    # It may have fewer cores than it was given threads.
    lanes = max(int(compiled.get_property("NUM_STREAMS")), 1)
    ready = os.getpid(), _requests(compiled, lanes)
    # Of processes before this one; their end would wait for threads that are not there.
    before: list[object] = []

    def run(inputs: dict[str, Ids]) -> Output:
        nonlocal ready
        # The threads of its streams do not come along when a process forks.
        if ready[0] != os.getpid():
            again = openvino.Core().compile_model(str(path), "CPU", settings)
            before.append(ready)
            ready = os.getpid(), _requests(again, lanes)
        free = ready[1]
        request = free.get()
        try:
            return np.array(request.infer(inputs)[0], dtype=np.float32)
        finally:
            free.put(request)

    precision = "int8" if whole else _told(compiled)
    return Graph(run, [port.any_name for port in compiled.inputs], precision, lanes)


def wider_than_int8() -> str:
    """What OpenVINO computes in here where it does not multiply in 8 bits."""
    return "bfloat16" if openvino_has_bfloat16() else "float32"


def _told(compiled: Any) -> str:
    """What a compiled model says that it computes in, which need not be what it was told."""
    said = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
    return {"bf16": "bfloat16", "f32": "float32"}.get(said, said)


def _requests(compiled: Any, lanes: int) -> SimpleQueue[Any]:
    """One request of a compiled model for each lane; a request holds one batch at a time."""
    free: SimpleQueue[Any] = SimpleQueue()
    for _ in range(lanes):
        free.put(compiled.create_infer_request())
    return free


def _onnxruntime(path: Path, runtime: Runtime) -> Graph:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # The session's own threads are shared by all lanes, and a lane's caller works too.
    options.intra_op_num_threads = runtime.threads - runtime.lanes + 1
    whole = runtime.precision == "int8"
    if whole:
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "4")
        options.add_session_config_entry("session.qdq_matmulnbits_block_size", str(_GROUP))
    else:
        # Unasked, int8 weights make it round activations as well.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as broken:
        # onnxruntime's own exceptions share no base but Exception.
        raise ValueError(str(broken)) from broken

    free = BoundedSemaphore(runtime.lanes)

    def run(inputs: dict[str, Ids]) -> Output:
        with free:
            output: Output = session.run(None, inputs)[0]
        return output

    inputs = [port.name for port in session.get_inputs()]
    return Graph(run, inputs, runtime.precision, runtime.lanes)
