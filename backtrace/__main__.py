"""python -m backtrace, and the command's entry point: Ctrl-C is quiet from the first moment."""

import sys


def main() -> None:
    try:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules load, nothing is half done
        from backtrace import aside

        aside.start(sys.argv[1:], "backtrace.checks.symbolic")
        from backtrace.cli import main as command

        command()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
