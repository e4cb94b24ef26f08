"""Work that several loaders need is done once for each call of `examine`.

Most loaders ask the same of the same instances: their frames, the stack that
these make, what sets them apart. While an examination lasts, the functions marked
with `once` remember what they answered; when it ends, all of that is forgotten.
Outside of one they just compute.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

__all__ = ["examination", "once", "remembered"]

_Thing = TypeVar("_Thing")
_Answer = TypeVar("_Answer")

# One for each context, that is, for each thread: examinations never share anything.
_memory: ContextVar[dict[Hashable, tuple[Any, Any]] | None] = ContextVar("_memory", default=None)


@contextmanager
def examination() -> Iterator[None]:
    """Remember what is asked `once` until the block ends; within another, share its memory."""
    if _memory.get() is not None:
        yield
        return
    token = _memory.set({})
    try:
        yield
    finally:
        _memory.reset(token)


def remembered(key: Hashable, kept: object, compute: Callable[[], _Answer]) -> _Answer:
    """Return what `compute` answers, computed once in an examination for each `key`.

    Parameters
    ----------
    key : hashable
        May have the `id` of objects in it, which are compared by nothing else.
    kept : object
        Those objects: as long as they are remembered no others get their ids.
    compute : callable
        Its answer is shared: nobody may change it.
    """
    memory = _memory.get()
    if memory is None:
        return compute()
    known = memory.get(key)
    if known is None:
        known = memory[key] = (kept, compute())
    answer: _Answer = known[1]
    return answer


def once(function: Callable[[_Thing], _Answer]) -> Callable[[_Thing], _Answer]:
    """Let `function` compute once in an examination for each object (by identity).

    Its answer is shared: nobody may change it.
    """

    @wraps(function)
    def asked(thing: _Thing) -> _Answer:
        return remembered((function, id(thing)), thing, lambda: function(thing))

    return asked
