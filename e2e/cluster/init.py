"""Process 1 of the node's world: says that the world is up, then buries orphans until killed.

Run as a file, without the project on its path.
"""

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    """Touch the file named by the first argument, then wait for children for ever."""
    # Blocked, so that a child that ends before sigwait() is seen by it all the same.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    Path(sys.argv[1]).touch()
    while True:
        signal.sigwait([signal.SIGCHLD])
        _bury()


def _bury() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    main()
