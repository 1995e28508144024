"""Build the book in the working folder: Jupyter Book's own command, begun faster: see `tools/__init__.py`.

python -m tools.build
"""

if __name__ == "__main__":
    from jupyter_book.cli.main import main

    main(["build", ".", "-W", "--keep-going", "-n"])
