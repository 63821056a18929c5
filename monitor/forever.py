"""The loop of what only watches beside the line: a failure is said once, tried again, and stops nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from sqlalchemy.exc import SQLAlchemyError
from structlog.typing import FilteringBoundLogger

from monitor.store.engine import reason_of


async def for_ever(look: Callable[[], Awaitable[None]], pause: float, log: FilteringBoundLogger, *, down: str, fault: str) -> NoReturn:
    """Look every `pause` seconds. `down` is said of a database that does not answer, `fault` with the trace of anything else."""
    failing = False
    while True:
        try:
            await look()
            failing = False
        except SQLAlchemyError as e:
            if not failing:
                log.error(down, reason=reason_of(e))
            failing = True
        except Exception:
            if not failing:
                log.exception(fault)
            failing = True
        await asyncio.sleep(pause)
