"""Waiting for a condition with a deadline: no test sleeps for a fixed time."""

import asyncio
import time


def wait_until(condition, what, seconds: float = 10.0):
    """Polls `condition` until it is true (returned as is) or the deadline passes (an error that says `what`, a text or what makes one)."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.02)


async def until(condition, what, seconds: float = 10.0):
    """`wait_until` for coroutines."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what() if callable(what) else what}")
        await asyncio.sleep(0.02)
