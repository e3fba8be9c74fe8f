"""python -m backtrace, and the command's entry point: Ctrl-C is quiet from the first moment that
this code knows of. (Python's own start and pip's wrapper, 20 ms or so, are before it.)"""

import sys

try:
    import contextlib
    import signal

    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules load, nothing is half done
except KeyboardInterrupt:
    raise SystemExit(130) from None


def main() -> None:
    try:
        from backtrace.checks import sympy_process

        sympy_process.start(sys.argv[1:], "backtrace.checks.symbolic")
        from backtrace.cli import main as command

        command()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
