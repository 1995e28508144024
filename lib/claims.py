"""Claims that a chapter makes and checks in the open."""


def check(statement: str, error: float, below: float) -> None:
    """Print that a statement holds, or raise if it does not.

    Parameters
    ----------
    statement
        What is claimed, in words.
    error
        How far the two sides are apart; nan counts as far.
    below
        What the error must stay below.  The error itself is not printed: its digits are round-off or
        chance, and do not reproduce.

    Raises
    ------
    AssertionError
        If the error is not below the bound; the message gives both.

    Examples
    --------
    >>> check("1/3 + 2/3 is 1", abs(1 / 3 + 2 / 3 - 1), below=1e-15)
    ✓ 1/3 + 2/3 is 1 (error below 1e-15)
    """
    if not error < below:
        raise AssertionError(f"{statement}: the error is {error:.3g}, which is not below {below:.2g}")
    print(f"✓ {statement} (error below {below:.2g})")
