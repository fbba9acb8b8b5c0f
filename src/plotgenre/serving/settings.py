"""How a service is run: its limits, its queue, who may ask."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from plotgenre.hub import DEFAULT_MODEL

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

_SHARES = 5


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class ServiceSettings:
    """All settings of a service.

    Parameters
    ----------
    model
        Model folder, Hub id, or the name of a model of the package.
    fast
        Read words alone, with no encoder.
    quick
        Read a long plot's beginning, middle and end alone, in 8 bits.
    workers
        Processes that share the socket; each loads its own model.
    max_plots, max_characters
        Of one request, and of one plot.
    max_body, max_file
        Bytes of a request's body, and of a file of plots.
    max_rows
        Of a file.
    max_explained
        Plots of a request with ``explain``: each is read up to 40 times more.
    queue_tokens
        Tokens that may wait to be read; what finds no room is refused at once.
    batch_tokens
        Tokens of a batch; two batches are read at once.
    deadline
        Seconds until a request is given up, and that a client may stall an upload or a download.
    notice
        Seconds between SIGTERM, which makes the service not ready, and its last new connection.
    grace
        Seconds that accepted work then has to be finished.
    connections
        Open connections of a process, idle ones included.
    api_key
        What requests to ``/v1`` must bring as a bearer token; empty asks for none.
    origins
        Pages of other origins that browsers may let read the answers.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of range.
    """

    model: str = DEFAULT_MODEL
    fast: bool = False
    quick: bool = False
    workers: Count = 1
    max_plots: Count = 256
    max_characters: Count = 100_000
    max_body: Count = 8_000_000
    max_file: Count = 64_000_000
    max_rows: Count = 200_000
    max_explained: Count = 4
    queue_tokens: Annotated[int, Field(ge=_SHARES)] = 1_280
    batch_tokens: Count = 512
    deadline: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0
    notice: Seconds = 1.0
    grace: Seconds = 30.0
    connections: Count = 512
    api_key: str = field(default="", repr=False)
    origins: tuple[str, ...] = ()

    @property
    def share(self) -> int:
        """Tokens of the queue that one request or file may hold: a fifth."""
        return self.queue_tokens // _SHARES
