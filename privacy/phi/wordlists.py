"""Short lists of words, written in the code as one text."""


def word_list(text: str) -> tuple[str, ...]:
    """The words of a text, in order.

    Args:
        text: words with white space between them.

    Returns:
        The words.
    """
    return tuple(text.split())
