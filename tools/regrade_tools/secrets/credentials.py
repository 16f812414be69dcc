"""What secrets look like: by their own form, or by the name that they stand under.

Not secrets: words, ids, hashes of commits, times, and base64 such as images, which hold none of
these forms. Every pattern consumes what it has looked at, so that the cost grows with the text:
repetitions are possessive, and whether a match is a secret is decided after it (``likely``).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

# The beginning of a word, also after the underscore or dash of a prefix, after an escape in a
# text that holds the text of a string, and after an escape of a URL.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-F][0-9A-F]))"
# Letters and digits mixed, or longer than any word.
_RANDOM = re.compile(
    r"(?<![A-Za-z0-9])"
    r"(?:[A-Za-z0-9]{24}|(?=[A-Za-z]*+[0-9])(?=[0-9]*+[A-Za-z])[A-Za-z0-9]{8})"
)
_UPPER = re.compile("[A-Z]+")
_BLANK = re.compile(r"\s")
_CODED = re.compile(r"[0-9]|(?<=.)[A-Z]")
_MIXED = re.compile(r"(?=[^0-9]*+[0-9])(?=[^A-Za-z]*+[A-Za-z]).{6}", re.DOTALL)

_LABEL = "[A-Z0-9 ]{0,30}?PRIVATE KEY(?: BLOCK)?-----"
# A block ends with its last line or, where that was cut off, with what looks like base64.
_BLOCK = (
    f"-----BEGIN {_LABEL}"
    f"(?:(?:[^-]++|-(?!----))*+-----END {_LABEL}"
    r"|(?:(?:\s|\\[nr])*+(?:Proc-Type|DEK-Info|Version|Comment): [^\n\\]*+)*+"
    r"(?:(?:\s|\\[nr])*+[A-Za-z0-9+/=]{16,}+"
    r"|(?:\r?\n|\\n)[A-Za-z0-9+/=]++(?![ \t]))++)"
)
_JWT = r"eyJ[A-Za-z0-9_-]{7,}+\.eyJ[A-Za-z0-9_-]{7,}+(?:\.[A-Za-z0-9_-]*+)?"
_AWS = (
    r"A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"(?:[\s,;:|\"'=]{1,8}+[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=]))?"
)
_KEYS = (
    *("api", "access", "private", "secret", "account"),
    *("subscription", "encryption", "signing", "master", "auth"),
)
_TOKENS = (
    *("access", "auth", "refresh", "id", "session", "bearer", "api"),
    *("bot", "csrf", "xsrf"),
)


def _after(word: str, words: tuple[str, ...]) -> str:
    """A pattern of ``word`` behind one of ``words``, joined, underscored or dashed."""
    ends = (f"(?<={before}{joint}{word})" for before in words for joint in ("", "[_-]"))
    return f"{word}(?:{'|'.join(ends)})"


# What ``_NAME`` finds, for engines that cannot look behind.
NAME_WORDS = (
    "pass(?:word|wd|phrase)|pwd|secret|connection[_-]?string"
    f"|(?:{'|'.join(_KEYS)})[_-]?key|(?:{'|'.join(_TOKENS)})[_-]?token"
)
# What lets somebody in may stand under these, and anything else, too.
DOOR_WORDS = "authorization|cookies?|credentials?|bearer"
# Of one spelling: written otherwise it is the id of a conversation.
SESSION = "sessionid"
_DOOR = rf"(?:{DOOR_WORDS})\Z"
_COOKIES = r"[^\s=;]++=[^\s;]++(?:;[^;]*+)*+"
# In lower case: a pattern without case takes twenty times as long.
_NAME = (
    "(?:pass(?:word|wd|phrase)|(?<![a-z])pwd|secret|connection[_-]?string"
    f"|{_after('key', _KEYS)}|{_after('token', _TOKENS)})"
)
_SIGN = r"\\*+[\"'`]?\]?\s{0,8}(?P<sign>=>|:=|={1,3}|:)\s{0,8}"
_VALUE = (
    r"(?:\"(?P<double>(?:[^\"\s\\]|\\.)++)|'(?P<single>(?:[^'\s\\]|\\.)++)"
    r"|\\++[\"'](?P<escaped>[^\"'\s\\]++)|(?P<bare>[^\s\"'`,;&<>(){}\[\]\\]++))"
)
_HEADER = (
    r"(?i)authorization\\*+[\"']?\s{0,8}[=:]\s{0,8}\\*+[\"']?"
    r"(?:bearer|basic|token|digest|apikey)\s{1,8}(?P<secret>[^\s\"'\\,;\[]{4,}+)"
)
_USER_INFO = r"(?<=://)(?!\[redacted:)(?P<secret>[^\s:/@\"<>]*+:[^\s/\"<>]*(?=@))"
NAMED = "named_secret"
_STEMS = ("passw", "passphrase", "pwd", "secret", "key", "token", "connection")
_NAMED = rf"{_NAME}\Z"
# What stands for a value that is not there.
_PLACEHOLDER = (
    r"(?i)\W*|\[redacted:.*|[$%]?[{<(]+.*[)>}]+s?|\$\w+|%s|x+|\.\.\."
    rf"|string|str|text|null|none|nil|undefined|true|false|required|optional|missing|invalid"
    rf"|incorrect|wrong|hidden|(?:\w*[_-])?{_NAME}"
)
_LONGEST_PLACEHOLDER = 80
_SHORTEST = 8
_LONGEST_NAME = 100
_LEAST = 4
_LEAST_TOKEN = 16
# What a name says of its value, where that is not told by a word of ``_NAME``.
_TOKEN_ALONE, _AT_THE_DOOR = "token alone", "at the door"
_PATH = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)+[.:]?")


Likely = Callable[[re.Match[str], str], bool]


@dataclass(frozen=True, slots=True)
class Credential:
    """A kind of secret. One of ``hints`` is in the lower case of every text that holds it.

    To look for the letters costs a hundredth of the pattern, and nearly every text is without;
    so the pattern is compiled with the first text that is not. Its last group is the secret;
    ``likely`` decides whether it is one. The pattern of one that ``folds`` is in lower case.
    """

    kind: str
    hints: tuple[str, ...]
    pattern: str
    likely: Likely
    folds: bool = False

    def replaced(self, text: str, by: Callable[[str], str]) -> str:
        """``text`` with every secret of this kind replaced by what ``by`` makes of the kind."""
        parts: list[str] = []
        done = 0
        for match in _compiled(self.pattern).finditer(_folded(text) if self.folds else text):
            start, end = match.span(match.lastgroup or 0)
            if match.lastgroup is not None and self.likely(match, text[start:end]):
                parts += (text[done:start], by(self.kind))
                done = end
        return "".join((*parts, text[done:])) if parts else text


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _folded(text: str) -> str:
    """``text`` in lower case, letter for letter."""
    folded = text.lower()
    return folded if len(folded) == len(text) else _UPPER.sub(lambda m: m[0].lower(), text)


def _always(_: re.Match[str], _secret: str) -> bool:
    return True


def _random(_: re.Match[str], secret: str) -> bool:
    return _RANDOM.search(secret) is not None


def _coded(_: re.Match[str], secret: str) -> bool:
    return not _placeholder(secret) and _CODED.search(secret) is not None


def _token(_: re.Match[str], secret: str) -> bool:
    return len(secret) >= _LEAST_TOKEN and _RANDOM.search(secret) is not None


def _entrance(match: re.Match[str], secret: str) -> bool:
    """Whether what lets somebody in stands under a word that other things stand under, too."""
    return "://" not in secret and _admits(secret) and _is_value(match, secret)


def _admits(secret: str) -> bool:
    return not _placeholder(secret) and _RANDOM.search(secret) is not None


def _written(match: re.Match[str], secret: str) -> bool:
    """Whether ``name = value`` in a text tells a secret, and is neither prose nor code."""
    if not _secretive(match["name"], secret):
        return False
    if match.lastgroup == "bare" and match["sign"] == ":":
        return _MIXED.match(secret) is not None
    return _is_value(match, secret)


def _is_value(match: re.Match[str], secret: str) -> bool:
    after = match.string[match.end() : match.end() + 1]
    if match.lastgroup != "bare":
        # A value in quotes that goes on after a blank is a sentence.
        return after in ("", '"', "'", "\\")
    return after not in ("(", "[") and not _PATH.fullmatch(secret)


def _secretive(name: str, value: str) -> bool:
    if len(value) < _LEAST or "://" in value or _placeholder(value):
        return False
    # PWD is also the folder one is in.
    return not (name == "pwd" and value[0] in "/~")


def _placeholder(value: str) -> bool:
    return (
        len(value) <= _LONGEST_PLACEHOLDER and _compiled(_PLACEHOLDER).fullmatch(value) is not None
    )


# Records repeat their names.
@lru_cache(maxsize=4_096)
def is_header(name: str) -> bool:
    """Whether what stands under ``name`` is a header that lets somebody in."""
    return name.lower().endswith("authorization")


def named(name: str, given: str | int) -> bool:
    """Whether ``given`` is a secret because it stands in a field called ``name``.

    A value of several words is none: it says something about the field.
    """
    word = _word(name)
    if word is None:
        return False
    value = str(given)
    if word == _AT_THE_DOOR and _compiled(_COOKIES).fullmatch(value):
        return True
    if _BLANK.search(value):
        return False
    if word == _AT_THE_DOOR:
        return _admits(value)
    if word == _TOKEN_ALONE:
        return len(value) >= _LEAST_TOKEN and _RANDOM.search(value) is not None
    # A token is no word: that tells what became of it, such as ``expired``.
    worded = word == "token" and len(value) < _LEAST_TOKEN and not _CODED.search(value)
    return not worded and _secretive(word, value)


def is_name(name: str) -> bool:
    """Whether what stands under ``name`` may be a secret."""
    return _word(name) is not None


@lru_cache(maxsize=4_096)
def _word(name: str) -> str | None:
    """The word at the end of ``name`` that says that a secret stands under it."""
    folded = name[-_LONGEST_NAME:].lower()
    found = _compiled(_NAMED).search(folded)
    if found:
        return found[0]
    if folded == "token":
        return _TOKEN_ALONE
    return _AT_THE_DOOR if name == SESSION or _compiled(_DOOR).search(folded) else None


def _form(kind: str, hints: str, form: str, likely: Likely = _always) -> Credential:
    return Credential(kind, tuple(hints.split()), f"{_START}(?P<secret>{form})", likely)


CREDENTIALS = (
    Credential("private_key", ("-----begin ",), f"(?P<secret>{_BLOCK})", _always),
    _form("openai_key", "sk-", "sk-[A-Za-z0-9_-]{20,}+", _random),
    _form("stripe_key", "k_live_ k_test_", "[rs]k_(?:live|test)_[A-Za-z0-9]{10,}+", _random),
    _form("aws_key", "akia asia", _AWS),
    _form("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", "gh[pousr]_[A-Za-z0-9]{20,}+"),
    _form("github_token", "github_pat_", "github_pat_[A-Za-z0-9_]{20,}+"),
    _form("gitlab_token", "glpat-", "glpat-[A-Za-z0-9_-]{20,}+"),
    _form("google_key", "aiza", "AIza[A-Za-z0-9_-]{30,}+"),
    _form("slack_token", "xox xapp-", "(?:xox[abeprs]|xapp)-[A-Za-z0-9-]{10,}+"),
    _form("huggingface_token", "hf_", "hf_[A-Za-z0-9]{20,}+"),
    _form("npm_token", "npm_", "npm_[A-Za-z0-9]{20,}+"),
    _form("groq_key", "gsk_", "gsk_[A-Za-z0-9]{20,}+"),
    _form("sendgrid_key", "sg.", r"SG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+"),
    _form("telegram_token", ":aa", "(?:bot)?[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
    _form("pypi_token", "pypi-", "pypi-[A-Za-z0-9_-]{16,}+", _random),
    # What only begins like one is consumed, too.
    Credential("jwt", ("eyj",), f"{_START}(?:(?P<secret>{_JWT})|eyJ[A-Za-z0-9_-]*+)", _always),
    Credential(
        "bearer",
        ("bearer",),
        r"(?i)\bbearer\s{1,8}(?P<secret>[A-Za-z0-9._~+/=-]{20,}+)",
        _random,
    ),
    Credential("authorization", ("authorization",), _HEADER, _coded),
    Credential("password_url", ("://",), _USER_INFO, _always),
    Credential(NAMED, _STEMS, f"(?P<name>{_NAME}){_SIGN}{_VALUE}", _written, folds=True),
    Credential(NAMED, ("token",), rf"(?<![\w-])token{_SIGN}{_VALUE}", _token, folds=True),
    Credential(
        NAMED,
        ("authorization", "cookie", "credential", "bearer"),
        f"(?:{DOOR_WORDS}){_SIGN}{_VALUE}",
        _entrance,
        folds=True,
    ),
    Credential(NAMED, (SESSION,), f"{SESSION}{_SIGN}{_VALUE}", _entrance),
)
_HINTS = tuple((hint, credential) for credential in CREDENTIALS for hint in credential.hints)
# Whether any hint is there, in the fewest looks. One for the patterns that know capitals: every
# alternative begins with a letter or sign that is seldom in prose, and what stands before that is
# looked at behind it. The others are looked for in lower case.
_SIGNS = re.compile(
    r"A(?:[KS]IA|Iza)|B(?<=-----B)EGIN |J(?<=eyJ)|xox|:(?://|AA)|G(?<=SG)\."
    r"|-(?:(?<=sk-)|(?<=glpat-)|(?<=xapp-)|(?<=pypi-))"
    r"|_(?:(?<=k_)(?:live|test)_|(?<=gh[pousr]_)|(?<=github_)pat_|(?<=hf_)|(?<=npm_)|(?<=gsk_))"
)
_WORDS = (
    *("key", "token", "secret", "pass", "pwd", "bearer", "authorization"),
    *("connection", "cookie", "credential", SESSION),
)


def hinted(text: str) -> Iterable[Credential]:
    """What ``text`` may hold, in the order in which it is to be replaced."""
    folded = text.lower()
    for word in _WORDS:
        if word in folded:
            break
    else:
        if _SIGNS.search(text) is None:
            return ()
    found = [credential for hint, credential in _HINTS if hint in folded]
    return dict.fromkeys(found) if found else ()


def marked(kind: str) -> str:
    """What stands for a secret of ``kind``."""
    return f"[redacted:{kind}]"


def concealed(text: str, by: Callable[[str], str] = marked) -> str:
    """``text`` with every secret in it replaced by what ``by`` makes of its kind."""
    for credential in hinted(text) if len(text) >= _SHORTEST else ():
        text = credential.replaced(text, by)
    return text
