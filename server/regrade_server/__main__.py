"""`python -m regrade_server`: the command line, for where no script is on the path."""

import sys

from regrade_server.cli import main

sys.exit(main())
