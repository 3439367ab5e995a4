"""moto's server, without the two things that took four fifths of its time.

For each message of a queue it asks, about each other one, what time it is, and makes a date of that. For each event of
EventBridge it makes a parser of JSONPath anew.
"""

from __future__ import annotations

import datetime as dt
import functools
import time

from jsonpath_ng import ext
from moto.core import utils
from moto.server import main

_unix_time = utils.unix_time


def _quick_unix_time(moment: dt.datetime | None = None) -> float:
    return time.time() if moment is None else _unix_time(moment)


def _quick_unix_time_millis(moment: dt.datetime | None = None) -> float:
    return _quick_unix_time(moment) * 1000


utils.unix_time = _quick_unix_time
utils.unix_time_millis = _quick_unix_time_millis
ext.parse = functools.lru_cache(100)(ext.parse)

if __name__ == "__main__":
    main()
