"""The lines of a stream of any size: none is held that is too long, and blank ones cost little."""

from io import BufferedReader

# One record may hold a 30 MB message.
RECORD_BYTES = 64 * 1024 * 1024
# A line that goes on for longer has no end that is worth waiting for.
_ENDLESS_BYTES = 1024 * 1024 * 1024
_PIECE = 1024 * 1024
_BLANK = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"


class TooLongError(ValueError):
    """A line is not held; the message says how long it is."""


def not_utf8(problem: UnicodeDecodeError) -> str:
    """Why a line is not read: to guess at its encoding would change what it says."""
    return (
        f"is not UTF-8 text: {problem.reason} at byte {problem.start}; "
        "convert the file first, such as with iconv"
    )


class Lines:
    """The lines of ``stream``; ``number`` is that of the last one, counted from 1."""

    def __init__(self, stream: BufferedReader, number: int = 0, first: bytes = b"") -> None:
        """Go on after line ``number`` with ``first``, which was taken from the stream already."""
        self.number = number
        self._stream = stream
        self._first = first
        self._ended = False

    def next(self, *, blank: bool = False) -> bytes:
        """The next line with its end, a ``blank`` one only if asked for; empty at the end.

        Raises:
            TooLongError: The line is too long to be held. The one after it comes next.
        """
        while line := self._line():
            if blank or not _is_blank(line):
                return line
            self._pass_blank()
        return b""

    def opening(self) -> tuple[int, bytes]:
        """The first line that is not blank and its number: its beginning, where it is too long."""
        while (line := self._piece()) and _is_blank(line):
            self._pass_blank()
        return self.number, line

    def _piece(self) -> bytes:
        line = self._first or self._stream.readline(RECORD_BYTES + 1)
        self._first = b""
        self.number += bool(line)
        return line

    def _line(self) -> bytes:
        line = b"" if self._ended else self._piece()
        if len(line) <= RECORD_BYTES:
            return line
        if not line.endswith(b"\n") and not self._passed():
            self._ended = True
            raise TooLongError("is longer than 1 GB; what follows is not read")
        raise TooLongError("is longer than 64 MB")

    def _passed(self) -> bool:
        """Whether the rest of the line has an end, which is then behind us."""
        for _ in range(_ENDLESS_BYTES // _PIECE):
            piece = self._stream.readline(_PIECE)
            if not piece or piece.endswith(b"\n"):
                return True
        return False

    def _pass_blank(self) -> None:
        """Go over the blank lines that are read ahead, all at once."""
        while ahead := self._stream.peek():
            blank = len(ahead) - len(ahead.lstrip(_BLANK))
            end = ahead.rfind(b"\n", 0, blank) + 1
            if not end:
                return
            self.number += ahead.count(b"\n", 0, end)
            self._stream.read(end)


def _is_blank(line: bytes) -> bool:
    # Only from the left: what does not begin with a blank is not copied.
    return not line.removeprefix(_MARK).lstrip(_BLANK)
