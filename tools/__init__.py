"""Tools of the book: what tests, builds and refreshes it; the chapters never import them.

Small helpers for files and processes that sweeps need too stand in `lib.experiments.sweeps`: `lib` is
installed alone, so it cannot import them from here.
"""

import sys

# jsonschema, which nbformat brings, would compile the grammars of all kinds of addresses at its import, for
# more than two seconds in each process.  No schema here has one.
sys.modules.setdefault("rfc3987_syntax", None)
