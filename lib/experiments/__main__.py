"""The experiments of full size, from the shell: see `lib.experiments.command_line`."""

import sys

from lib.experiments.command_line import main

if __name__ == "__main__":
    sys.exit(main())
