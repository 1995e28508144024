"""Open JupyterLab on the chapters, with the environment that every kernel of the book gets.

python -m tools.lab
"""

import os
import sys

from jupyterlab.labapp import main

from tools.notebooks import ROOT, prepare_kernels

if __name__ == "__main__":
    os.environ.setdefault("TQDM_DISABLE", "")  # here somebody watches: show progress bars
    prepare_kernels()
    # From the root, so that the book's other files can be opened as well.
    options = [f"--ServerApp.root_dir={ROOT}", "--LabApp.default_url=/lab/tree/chapters"]
    sys.exit(main([*options, *sys.argv[1:]]))
