"""A transformer in two: its lowest blocks, which are frozen, and all that is above them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

Vectors = Callable[[Tensor, Tensor], Tensor]


class _EnoughError(Exception):
    """The frozen blocks have answered; nothing above them needs to run."""


class FrozenBlocks:
    """The two parts of an encoder whose blocks run one after the other.

    Parameters
    ----------
    blocks
        The lowest, one or more.
    vectors
        Of the whole encoder: ids and mask (b, t) to vectors (b, d).
    precision
        What multiplications are done in.
    """

    def __init__(
        self, blocks: Sequence[nn.Module], vectors: Vectors, precision: torch.dtype
    ) -> None:
        self.precision = precision
        self._blocks, self._vectors = list(blocks), vectors
        one = torch.zeros(1, 1, dtype=torch.int64, device=next(blocks[0].parameters()).device)
        output = self._output(one, one + 1)
        # Some architectures' blocks return a tuple that begins with the states.
        self._in_tuple = isinstance(output, tuple)
        self.width = int((output[0] if self._in_tuple else output).shape[-1])

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """States (b, t, h), without gradient, of token ids and mask (b, t)."""
        output = self._output(ids, mask)
        states: Tensor = output[0] if self._in_tuple else output
        return states

    def vectors(self, states: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
        """Vectors (b, d), float32, of states (b, t, h) and the ids and mask that they are of."""
        with self._stood_in_for(states):
            return self._vectors(ids, mask)

    @contextmanager
    def _stood_in_for(self, states: Tensor) -> Iterator[None]:
        answer = (states,) if self._in_tuple else states
        try:
            for block in self._blocks:
                block.forward = lambda *_, **__: answer
            yield
        finally:
            for block in self._blocks:
                block.__dict__.pop("forward", None)

    @torch.no_grad()
    def _output(self, ids: Tensor, mask: Tensor) -> Any:
        heard: list[Any] = []

        def hear(module: nn.Module, inputs: object, output: object) -> None:
            heard.append(output)
            raise _EnoughError

        hook = self._blocks[-1].register_forward_hook(hear)
        try:
            self._vectors(ids, mask)
        except _EnoughError:
            pass
        finally:
            hook.remove()
        return heard[0]
