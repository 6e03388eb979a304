"""``python -m robustbench_mt`` is ``robustbench-mt``."""

import sys

from robustbench_mt.cli import main

sys.exit(main())
