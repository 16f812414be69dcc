"""Text from elsewhere, made fit to be shown and stored: it must not steer a terminal."""


def plain(text: str) -> str:
    """``text`` in one line, what is neither printable nor a blank replaced by U+FFFD.

    That covers control characters, ends of lines, and the halves of characters that stand
    for bytes in the name of a file that is not UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
