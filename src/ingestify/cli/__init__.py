"""The command line `ingestify`. It prints what the engine returns as data.

app                 the commands by name, and what becomes of their errors
options             options that commands share: the lake, filters, output
console             how a command shows results, by -q, -v and --json
output              writes to stdout
logs                writes to stderr, and sets up logging
json_stderr         stderr as JSON Lines
standard_streams    prepares stdin, stdout and stderr
exit_codes          the exit codes, and the one of a run
confirmation        asks before something is removed or moved
dataset_lookup      finds the datasets that a person names
run, run_outcome    `run` and `plan`, and what they say at the end
watch               `watch`; service and service_manager: it as a service
health, listener    what the service says of itself, and the HTTP server that says it
progress            shows a run while it goes on
licence_notice      the terms of a provider's data, shown with its first data
lake                `list`, `show`, `delete` and `sync-indexes`
lock                `lock`
diff                `diff` and `log`
status, limits      `status`, and its limits for monitoring
metrics             `metrics`
quarantine          `quarantine`
events              `events`
verify, garbage     `verify` and `gc`
copy, restored      `copy` and `restored`
export              `export`
adopt               `adopt`
sources, offer      `sources`, and its `competitions` and `matches`
source_check        `sources check`
project             `init`, `config`, `completion` and `version`
demo                `demo`
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from types import FrameType

__all__ = ["main"]

_A_MOMENT = 0.05
"""Seconds."""


def main() -> None:
    """Run the command line and exit with its code; the console script's entry."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _raise_interrupt_again
    gc.set_threshold(200_000)  # there is no garbage in what a command imports; a run sets its own
    try:
        from ingestify.cli.app import run_command_line  # click is not needed to import this package
        from ingestify.cli.standard_streams import prepare_streams

        prepare_streams()
        code = run_command_line(sys.argv[1:])
    except KeyboardInterrupt:  # before the command began, or when it had ended
        from ingestify.cli.exit_codes import EXIT_INTERRUPTED

        code = EXIT_INTERRUPTED
    gc.freeze()  # else Python looks for garbage in all modules as it ends: a fifth of a short command
    sys.exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
    """A scheduler's SIGTERM ends a command as Ctrl-C does, with exit code 130."""
    raise KeyboardInterrupt


def _raise_interrupt_again(ignored: sys.UnraisableHookArgs) -> None:
    """Raise a Ctrl-C again that came while an object was freed: Python ignores what is raised there."""
    if not isinstance(ignored.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(ignored)
        return
    import ctypes

    main_thread = ctypes.c_ulong(threading.main_thread().ident or 0)
    raise_it = ctypes.pythonapi.PyThreadState_SetAsyncExc
    # In a moment: at once, it would be raised in this function, and ignored again.
    again = threading.Timer(_A_MOMENT, raise_it, (main_thread, ctypes.py_object(KeyboardInterrupt)))
    again.daemon = True
    again.start()
