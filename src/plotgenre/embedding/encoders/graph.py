"""Graphs: an ONNX file made callable by onnxruntime, or by OpenVINO where that is faster.

That is where it is installed and computes in fewer bits: in bfloat16, where the processor has
instructions for it, or in whole numbers. In float32 OpenVINO is as fast on many plots and slower
one plot at a time.

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
from dataclasses import dataclass
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
        ``float32``, ``bfloat16`` or ``int8``: what it computes in.
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
    """What would run a graph here.

    Parameters
    ----------
    name, version
        ``openvino`` or ``onnxruntime``, as installed.
    precision
        ``float32``, ``bfloat16`` or ``int8``: what it computes in.
    """

    name: str
    version: str
    precision: str


def runtime_here(runtime: str = "auto", precision: str = "auto") -> Runtime:
    """What runs graphs here, unless said otherwise: OpenVINO where that is the faster one.

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
    if runtime != "onnxruntime" and find_spec("openvino"):
        if precision == "auto":
            precision = "bfloat16" if openvino_has_bfloat16() else "float32"
        if runtime == "openvino" or precision != "float32":
            return Runtime("openvino", version("openvino"), precision)
    # Which has no bfloat16.
    precision = "int8" if precision == "int8" else "float32"
    return Runtime("onnxruntime", version("onnxruntime"), precision)


def load_graph(path: Path, precision: str, runtime: str = "auto") -> Graph:
    """Load ``path`` for the processor, as `runtime_here` says; ``int8`` wants weights in 8 bits.

    Raises
    ------
    EncoderError
        If the file is no ONNX graph that the runtime can run.
    MissingExtraError
        As `runtime_here`.
    """
    chosen = runtime_here(runtime, precision)
    load = _openvino if chosen.name == "openvino" else _onnxruntime
    try:
        return load(path, chosen.precision)
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


def _openvino(path: Path, precision: str) -> Graph:
    import openvino

    core, whole = openvino.Core(), precision == "int8"
    # What is not multiplied in 8 bits.
    narrow = precision == "bfloat16" or (whole and openvino_has_bfloat16())
    threads = threads_here()
    settings: dict[str, str | int | bool] = {
        "INFERENCE_PRECISION_HINT": "bf16" if narrow else "f32",
        # Unasked, int8 weights make some versions of it round activations as well.
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": _GROUP if whole else 0,
        "NUM_STREAMS": lanes_of(threads),
        "INFERENCE_NUM_THREADS": threads,
        # Else every process of one thread is tied to the same core, and two are as slow as one.
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(str(path), "CPU", settings)
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

    return Graph(run, [port.any_name for port in compiled.inputs], precision, lanes)


def _requests(compiled: Any, lanes: int) -> SimpleQueue[Any]:
    """One request of a compiled model for each lane; a request holds one batch at a time."""
    free: SimpleQueue[Any] = SimpleQueue()
    for _ in range(lanes):
        free.put(compiled.create_infer_request())
    return free


def _onnxruntime(path: Path, precision: str) -> Graph:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    threads = threads_here()
    lanes = lanes_of(threads)
    # The session's own threads are shared by all lanes, and a lane's caller works too.
    options.intra_op_num_threads = threads - lanes + 1
    whole = precision == "int8"
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

    free = BoundedSemaphore(lanes)

    def run(inputs: dict[str, Ids]) -> Output:
        with free:
            output: Output = session.run(None, inputs)[0]
        return output

    inputs = [port.name for port in session.get_inputs()]
    return Graph(run, inputs, "int8" if whole else "float32", lanes)
