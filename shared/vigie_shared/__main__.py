"""`python -m vigie_shared` is the `vigie` command."""

import sys

from vigie_shared.cli import main

sys.exit(main())
