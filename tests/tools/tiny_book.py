"""Builds of tiny books, for the tests of the tools."""

import io

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace


def quiet(test):
    """Let a test build: Sphinx and MyST-NB use what is deprecated."""
    ignored = ("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
    return pytest.mark.filterwarnings(*ignored)(test)


def build(project, builder="html"):
    """Build the tiny book; return the exit code, and the warnings."""
    warnings = io.StringIO()
    settings = {
        "exclude_patterns": ["_build", "node_modules"],
        "extensions": ["myst_nb", "tools.book"],
        "myst_enable_extensions": ["dollarmath"],
        "nb_execution_mode": "cache",
    }
    out, doctrees = project / "_build" / builder, project / "_build" / ".doctrees"
    with docutils_namespace():
        app = Sphinx(
            project,
            None,
            out,
            doctrees,
            builder,
            confoverrides=settings,
            status=None,
            warning=warnings,
            warningiserror=True,
            keep_going=True,
        )
        app.build()
    return app.statuscode, warnings.getvalue()
