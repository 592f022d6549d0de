"""`python -m vigie_agent …` is `vigie agent …`."""

import sys

from vigie_shared.cli import main

if __name__ == "__main__":
    sys.exit(main(["agent", *sys.argv[1:]]))
