"""Many requests in flight, answers in the order of the questions: for engines that take one prompt a call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from rewrite.records import Completion, Request


def in_order(call: Callable[[Request], Completion], requests: Iterable[Request], width: int) -> Iterator[Completion]:
    """Calls `width` at a time, a new one as soon as the oldest is answered.

    When a call fails, or the reader stops reading, nothing new is begun and what is in flight is awaited.
    """
    pool = ThreadPoolExecutor(width, thread_name_prefix="generate")
    flying: deque[Future[Completion]] = deque()
    try:
        for request in requests:
            flying.append(pool.submit(call, request))
            # Twice the width, so that one slow answer at the front does not idle the other slots.
            if len(flying) >= 2 * width:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
