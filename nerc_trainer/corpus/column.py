"""A column of a data set, read from where it lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

if TYPE_CHECKING:
    from datasets import Dataset

Value = TypeVar("Value")
STRETCH = 4096  # rows that are Python objects at a time


class Column(Sequence[Any]):
    """The rows of a column as Python objects that are made when they are asked for, and not kept.

    Iterating over ``dataset[name]`` itself takes a hundred times as long, since it formats each row by itself. The data
    set must hold its rows in their order, as those of a `Corpus` do, not a selection of them. Slices have no step.
    """

    def __init__(self, dataset: Dataset, name: str) -> None:
        self._rows = dataset.data.column(name)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            begin, end, _ = place.indices(len(self))
            return self._rows.slice(begin, max(end - begin, 0)).to_pylist()
        return self._rows[int(place)].as_py()

    def __iter__(self) -> Iterator[Any]:
        for begin in range(0, len(self), STRETCH):
            yield from self._rows.slice(begin, STRETCH).to_pylist()


class Picked(Sequence[Value]):
    """The items of a sequence at some places, int64 [n], each taken when it is asked for."""

    def __init__(self, items: Sequence[Value], places: np.ndarray) -> None:
        self._items, self._places = items, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Value: ...

    @overload
    def __getitem__(self, place: slice) -> list[Value]: ...

    def __getitem__(self, place: int | slice) -> Any:
        if isinstance(place, slice):
            return [self._items[index] for index in self._places[place]]
        return self._items[self._places[place]]
