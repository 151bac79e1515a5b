"""The command line: thin shells over the public functions. Needs the extra ``cli``."""

import sys

_EXTRA = ("click", "rich")


def main() -> None:
    """Run ``braze-heap``."""
    try:
        from braze_heap.cli._app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write("braze-heap needs an extra: pip install 'braze_heap[cli]'\n")
        sys.exit(2)
    except KeyboardInterrupt:  # while modules load; later, commands report
        sys.exit(130)
    run()
