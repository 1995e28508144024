"""What the tools use although nobody promised that it stays; each test says what to do when it is gone.

This file imports no tool: then it can still say so.
"""

import importlib

from sphinx.application import Sphinx


def borrowed(module, name):
    """Return what a module has under a name, if there are such a module and such a name."""
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


def test_sphinx_counts_its_warnings():
    told = "tools.book must count them by itself: by a handler of the logger 'sphinx', for WARNING and above"
    assert "_warncount" in Sphinx.__init__.__code__.co_names, told


def test_a_record_without_its_file_can_be_removed_from_the_cache():
    told = "tools.cache.mend removes a record whose file is gone, which remove_cache refuses. See whether "
    told += "jupyter-cache mends that itself now; else delete the row of the table nbcache by sqlite3"
    record = borrowed("jupyter_cache.cache.db", "NbCacheRecord")
    assert callable(getattr(record, "remove_records", None)), told
    assert record.__tablename__ == "nbcache", told


def test_the_cache_is_a_database_in_one_file(tmp_path):
    told = "tools.cache.mend removes the file of a database without tables: give it the new name of the file"
    name, opened = borrowed("jupyter_cache.cache.db", "DB_NAME"), borrowed("jupyter_cache", "get_cache")
    assert name, told
    assert opened, "tools.cache opens the cache by jupyter_cache.get_cache: give it the new way"
    cache = opened(tmp_path)
    cache.list_cache_records()
    cache.db.dispose()
    assert (tmp_path / name).is_file(), told
