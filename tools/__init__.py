"""Tools of the book: what tests, builds and refreshes it; the chapters never import them."""
