"""The Ray engine: the same chunks and parts through Ray Data, tagged by a pool of actors."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.batch.parts import Chunk, End, Part, PartMaker, Reading
from plotgenre.errors import BatchError, MissingExtraError

# A reader feeds this many workers with ease, for reading is much faster than tagging.
_WORKERS_PER_READER = 16
_SECONDS_TO_ANSWER = 10


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class RaySettings:
    """Where Ray runs, and how wide.

    Parameters
    ----------
    address
        Of a cluster, ``auto`` for the one that this machine is part of; by default that of the
        environment (``RAY_ADDRESS``), else Ray is started on this machine and stopped in the end.
        Within a Python process that is connected to Ray already, that Ray is used.
    workers
        Actors, each of one processor; by default as many as Ray has processors.
    """

    address: str | None = None
    workers: int | None = Field(default=None, ge=1)


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a part could not be made, sent back, for Ray's own account of it is a page of traces."""

    why: str


class _Writer:
    """An actor: makes parts. Lost ones are started anew by Ray, and their chunks given again."""

    def __init__(self, maker: PartMaker) -> None:
        self.maker = maker

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"made": [self._made(one) for one in batch["found"]]}

    def _made(self, one: Chunk | End) -> Part | End | _Failure:
        try:
            return one if isinstance(one, End) else self.maker(one)
        except Exception as broken:
            return _Failure(str(broken).strip() or type(broken).__name__)


def on_ray(
    settings: RaySettings,
) -> Callable[[Sequence[Reading], PartMaker], Iterator[Part | End]]:
    """The engine of these settings, to be called as `local.run_here` is.

    A task for each input reads it and streams its chunks; every chunk is a block, and goes to one
    of the actors. Rows travel through Ray's object store, which holds readers back when it fills.

    Raises
    ------
    MissingExtraError
        If Ray is not installed.
    BatchError
        If there is no cluster at the address, a worker cannot go on, or Ray gives up.
    """

    def run(readings: Sequence[Reading], maker: PartMaker) -> Iterator[Part | End]:
        ray = _ray()
        with _connected(ray, settings.address):
            try:
                for row in _tagged(ray, readings, maker, settings).iter_rows():
                    if isinstance(row["made"], _Failure):
                        raise BatchError(f"a worker cannot go on: {row['made'].why}")
                    yield row["made"]
            except ray.exceptions.RayError as failed:
                raise BatchError(f"Ray gave up: {_last_line(failed)}") from failed

    return run


def _tagged(ray: Any, readings: Sequence[Reading], maker: PartMaker, settings: RaySettings) -> Any:
    """The lazy dataset of parts and ends."""
    workers = settings.workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
    items = [{"reading": one} for one in readings]
    dataset = ray.data.from_items(items, override_num_blocks=len(items))
    # A chunk is a block of its own, whatever its bytes, for blocks are what actors are given.
    dataset.context.target_max_block_size = 1
    dataset.context.enable_progress_bars = False
    return dataset.flat_map(
        _chunks,
        # Reading takes no processor of its own: with all of them given to actors, a reader that
        # waits for one would wait for ever.
        num_cpus=0,
        compute=ray.data.TaskPoolStrategy(size=1 + workers // _WORKERS_PER_READER),
    ).map_batches(
        _Writer,
        fn_constructor_args=(maker,),
        batch_size=1,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=workers),
    )


def _chunks(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    reading: Reading = item["reading"]
    return ({"found": found} for found in reading.chunks())


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    if ray.is_initialized():
        yield
        return
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    _refuse_unreachable(where)
    own = {"include_dashboard": False} if where == "local" else {}
    try:
        ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, ValueError, RuntimeError) as refused:
        raise BatchError(f"there is no Ray at {where}: {_last_line(refused)}") from refused
    try:
        yield
    finally:
        ray.shutdown()


def _refuse_unreachable(address: str) -> None:
    """Raise BatchError if nobody answers: Ray itself would end the process after a minute."""
    host, _, port = address.rpartition("//")[2].rpartition(":")
    if not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as refused:
        raise BatchError(f"there is no Ray at {address}: {refused}") from refused


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtraError("The engine ray", "ray") from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _last_line(error: Exception) -> str:
    """What a worker said at last: the end of a traceback."""
    return next(reversed(str(error).strip().splitlines()), type(error).__name__).strip()
