"""moto's server, with a quick clock: for each message of a queue it asks, about each other one, what time it is, often.

It makes a date of that each time, which is three quarters of all that the server does.
"""

from __future__ import annotations

import datetime as dt
import time

from moto.core import utils
from moto.server import main

_unix_time = utils.unix_time


def _quick_unix_time(moment: dt.datetime | None = None) -> float:
    return time.time() if moment is None else _unix_time(moment)


def _quick_unix_time_millis(moment: dt.datetime | None = None) -> float:
    return _quick_unix_time(moment) * 1000


utils.unix_time = _quick_unix_time
utils.unix_time_millis = _quick_unix_time_millis

if __name__ == "__main__":
    main()
