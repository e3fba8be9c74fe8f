"""python -m backtrace"""

from backtrace.cli import main

main()
