"""`python3 run_notebook.py REQUEST.json`: runs one notebook. See `longhaul_notebook`."""

import sys

sys.dont_write_bytecode = True  # nothing of ours is written beside the program

from longhaul_notebook.main import main  # noqa: E402

sys.dont_write_bytecode = False

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
