"""What is a secret, what is none, and what it costs to look."""

import base64
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from regrade_tools.formats import Reading, Record, Skipped, traces
from regrade_tools.refusal import Refusal
from regrade_tools.secrets.credentials import CREDENTIALS, hinted
from regrade_tools.secrets.redaction import redaction

KEY = "k3Yv9-tQ2mB7xZ1wL5nR8pD4sF6gH0jC"
MIXED = "a1B2" * 9
PEM = "-----BEGIN RSA PRIVATE KEY-----"
BLOB = base64.b64encode(random.Random(1).randbytes(300_000)).decode()  # noqa: S311 - no secret
SECRETS: list[tuple[str, str]] = [
    ("private_key", f"{PEM}\nMIIB\nAAAA\n-----END RSA PRIVATE KEY-----"),
    ("private_key", f"{PEM}\nMIIBOgIBAAJBAKj34GkxFhD9\nAAAA"),
    ("private_key", f"{PEM}\\nMIIBOgIBAAJBAKj34GkxFhD9\\nAAAA"),
    ("private_key", f"{PEM}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,3F\n\nMIIBOgIBAAJBAKj3"),
    ("openai_key", f"sk-proj-{KEY}"),
    ("openai_key", "sk-" + MIXED * 30),
    ("stripe_key", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("stripe_key", "sk_test_4eC39HqLyjWDarjtT1zdp7dc"),
    ("stripe_key", "rk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("aws_key", "AKIAIOSFODNN7EXAMPLE"),
    ("aws_key", "ASIAIOSFODNN7EXAMPLE"),
    ("aws_key", "AKIAIOSFODNN7EXAMPLE, wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    *(("github_token", f"gh{kind}_{MIXED}") for kind in "pousr"),
    ("github_token", f"github_pat_11{MIXED}_{MIXED}"),
    ("gitlab_token", "glpat-" + "a1B2-" * 5),
    ("google_key", "AIza" + "b2C3_" * 7),
    *(("slack_token", f"xox{kind}-1234567890-abcdef") for kind in "baprs"),
    ("huggingface_token", "hf_" + "aBcDeFgH" * 4),
    ("npm_token", f"npm_{MIXED}"),
    ("pypi_token", f"pypi-AgEIcHlwaS5vcmcC{MIXED}"),
    ("groq_key", f"gsk_{MIXED}{MIXED}"),
    ("sendgrid_key", f"SG.{'aB3-' * 5}xy.{'Z9_q' * 10}abc"),
    ("telegram_token", "123456789:AA" + "b2C_-9dE" * 4 + "x"),
    ("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"),
]  # fmt: skip
# What stands before and after the secret is left as it is.
AROUND: list[tuple[str, str, str, str]] = [
    ("bearer", "Bearer ", KEY, ", then"),
    ("bearer", "BEARER ", KEY, ""),
    ("authorization", "Authorization: Bearer ", "abc12345", "\nAccept: */*"),
    ("authorization", 'curl -H "authorization: Basic ', "dXNlcjpwYXNz", '"'),
    ("password_url", "see postgres://", "ann:hunter2", "@db:5432/x"),
    ("password_url", "redis://", ":hunter2", "@cache:6379/0"),
    ("password_url", "amqp://", "ann:hun@ter" + "2" * 300, "@db"),
    ("named_secret", "password=", "hunter2", " ok"),
    ("named_secret", "Server=x;Password=", "hunter", ";Port=1"),
    ("named_secret", "https://a.example/?api_key=", "abcdefgh", "&page=2"),
    ("named_secret", '{"api_key": "', "abcdefgh", '", "n": 1}'),
    ("named_secret", "{'apiKey': '", 'ab"cd', "'}"),
    ("named_secret", '{\\"password\\": \\"', "hunter2", '\\"} in a text'),
    ("named_secret", 'os.environ["DB_PASSWORD"] = "', "hunter", '"'),
    ("named_secret", "AWS_SECRET_ACCESS_KEY=", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "\n"),
    ("named_secret", "password: ", "hunter2", "\nuser: ann"),
    ("named_secret", "AccountKey=", "abcd/efg+hij==", ";"),
    ("named_secret", "/hook?token=", "a1b2c3d4e5f6a7b8c9", "&x"),
    ("named_secret", "connection_string=", "Zx9kQ2mPaa77", "\n"),
    ("named_secret", "Cookie: ", "sid=Zx9kQ2mPaa77", "; Path=/"),
    ("named_secret", "authorization: ", "Zx9kQ2mPaa77", ", then"),
    ("named_secret", "theme=dark; sessionid=", "zx9kq2mpaa77", "; Path=/"),
    ("named_secret", '"csrf_token": "', "Zx9kQ2mPaa77", '"'),
    ("telegram_token", "https://api.telegram.org/", "bot123456789:AA" + "b" * 33, "/getMe"),
    ("named_secret", "\u0130 PASSWORD=", "Hunter2", " ok"),
]  # fmt: skip
# Decided: a sentence, a reference, code, and what only has the length of a secret, is none.
NO_SECRETS: list[JsonValue] = [
    "", "ask-me about the sk-8 board", "bearer of bad news", "AKIA is a prefix", "AIza, too",
    "https://a.example:8080/x?y=ann@b.example", "ssh://git@a.example/x", "ann@b.example",
    "The eyJafjallajökull erupted", "-----BEGIN PUBLIC KEY-----",
    "The line -----BEGIN PRIVATE KEY----- begins one, and more follows.",
    "sk-toggleable__label-arrow sk-container-id-1", "sk_test_configuration", "hf_hub_download",
    "npm_config_registry", "pypi-names-of-packages-may-be-long", "risk-averse-investment-strategy2",
    "550e8400-e29b-41d4-a716-446655440000", "2c26b46b68ffc68ff99b453c1d30413413422d70",
    "2026-11-22T08:00:00Z", f"data:image/png;base64,{BLOB}",
    "Password must be long", "password: please enter", '"password": "must have 8 characters"',
    "Forgot your password? See a.example", "password=getpass()", "password=password",
    'api_key=os.environ["X"]', "api_key = settings.api_key", "if password == stored.password:",
    "password=None", "password=<your-password>", "password=${DB_PASSWORD}", "password='********'",
    "Your API key: https://a.example/keys1", "max_tokens=4096", "next_token: abc", "PWD=/home/ann",
    "Authorization: Basic authentication is used", "Authorization: Bearer <token>",
    "Bearer authentication-and-authorization", "the secret: it is in the sauce",
    {"cookie": "oatmeal-v2"}, {"cookies": "two of 12, with chocolate2024chips"}, {"bearer": "Ann"},
    "credentials = ServiceAccountCredentialsOfTheProject(x)", "credentials: see oauth2-client",
    "sessionId: Zx9kQ2mPaa77", "cookie: https://a.example/Zx9kQ2mPaa77",
    {"credentials": "same-origin"}, {"credentials": {"include": True}}, {"cookie": 12345678},
    {"authorization": "oauth2-client"}, {"id-token": "write"}, {"session_token": "expired"},
    {"sessionId": "0f8fad5b-d9cb-469f-a165-70867728950e"}, {"session_id": "Zx9kQ2mPaa77"},
    {"total_tokens": 123456}, {"completion_tokens": "123456"}, {"connection_string": "missing"},
    "at 12345678:AA", "SG.a.b", "gsk_names_of_things", "the connection string: it is long",
    {"a": [1.5, True]}, {"token": "Hello", "logprob": -0.1}, {"max_tokens": 4096},
    {"password": "must be long"}, {"password": None}, {"secret": True}, {"password": "required"},
    {"primary_key": "order_id_1234"}, {"password": {"type": "string"}}, {"has_password": "true"},
    {"type": "object", "required": ["password", "api_key"]}, {"key": "model", "value": "gpt-4o-1"},
]  # fmt: skip


@pytest.mark.parametrize(("kind", "secret"), SECRETS, ids=range(len(SECRETS)))
def test_every_kind_of_secret_is_replaced_at_any_depth_and_counted(kind: str, secret: str) -> None:
    redact, told, gone = redaction(), f"see ({secret}), ok", f"see ([redacted:{kind}]), ok"
    assert redact.apply([told, {"a": {"b": [told, 7, None]}}, f"KEY_{secret}"]) == [
        gone,
        {"a": {"b": [gone, 7, None]}},
        f"KEY_[redacted:{kind}]",
    ]
    assert redact.count == Counter({kind: 3})


# Parts of secrets, of words that are near them, and of what is in neither.
HINTS = [hint for credential in CREDENTIALS for hint in credential.hints]
NEAR = ("pass", "auth", "eyJ", "sk", "-", "_", "=", "x9Z", "\u212aelvin", "\u0130", ": ", " ", "\n")
PARTS = st.sampled_from([*HINTS, *map(str.upper, HINTS), *(secret for _, secret in SECRETS), *NEAR])


@given(st.lists(PARTS, max_size=8).map("".join))
def test_the_first_look_passes_over_no_secret(text: str) -> None:
    found = list(hinted(text))
    for credential in CREDENTIALS:
        if credential.replaced(text, str.upper) != text:
            assert credential in found


NAMES = ("password", "to\u212aen", "Token", "x-api-key", "Authorization", "key", "name", "value",
         "stringValue", "model", "cookie", "Set-Cookie", "sessionid", "sessionId", "bot_token",
         "connectionString", "credentials", "bearer")  # fmt: skip
BLANKS = st.sampled_from(("", "", " ", "\n", "\r\n", "\x1c", "\u2003", "\xa0"))
TOLD = st.tuples(
    st.sampled_from(("", "\n", "\x01", "\u0301", "/", "x", "_")),
    st.sampled_from((*NAMES, "bearer", "://ann", "api_\u212aey")),
    st.sampled_from(("", "\\", '"', "'", '\\"', "]", "`")),
    BLANKS,
    st.sampled_from(("=", ":", "=>", "")),
    BLANKS,
    st.sampled_from(
        ("hunter2", '"a1b2c3d4e5f6a7b8c9"', f"Basic {KEY}", KEY, ":pw@db", "a=b1c2; Path=/")
    ),
).map("".join)
TEXTS = TOLD | st.lists(PARTS, max_size=4).map("".join) | st.integers(0, 10**9)
ESCAPED = {ord("k"): "\\u006b", ord("t"): "\\u0074", ord("/"): "\\/", ord("\u212a"): "\\u212a"}


def _object(pairs: Sequence[tuple[str, JsonValue]]) -> JsonValue:
    return dict(pairs)


def _paired(name: str, value: JsonValue) -> JsonValue:
    return {"key": name, "value": value}


def _typed(name: str, value: JsonValue) -> JsonValue:
    return {"name": name, "value": {"stringValue": value}}


def _written(value: JsonValue, *, plain: bool, escaped: bool) -> str:
    text = json.dumps(value, ensure_ascii=plain)
    return text.translate(ESCAPED) if escaped else text


def _around(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonValue]:
    """What may stand around a value: lists, objects, pairs as OTLP writes them, and JSON."""
    names: st.SearchStrategy[str] = st.sampled_from(NAMES)
    keys: st.SearchStrategy[str] = names | TOLD
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.tuples(keys, inner), max_size=3).map(_object),
        st.builds(_paired, names, inner),
        st.builds(_typed, names, inner),
        st.builds(_written, inner, plain=st.booleans(), escaped=st.booleans()),
    )


@given(st.recursive(TEXTS, _around, max_leaves=6))
def test_what_is_not_suspect_at_first_sight_is_what_looking_at_every_text_leaves(
    value: JsonValue,
) -> None:
    # With a pattern of the project, though it matches nothing, every text is looked at.
    thorough = redaction({"nothing": "(?!)"})
    clean = thorough.apply(value)
    ways = itertools.product((True, False), repeat=2)
    for written in (
        "",
        *(_written(value, plain=plain, escaped=escaped) for plain, escaped in ways),
    ):
        quick = redaction()
        assert (quick.apply(value, written.encode()), quick.count) == (clean, thorough.count)


@pytest.mark.parametrize(("kind", "before", "secret", "after"), AROUND)
def test_what_stands_around_a_secret_is_kept(
    kind: str, before: str, secret: str, after: str
) -> None:
    redact = redaction()
    assert redact.apply(before + secret + after) == f"{before}[redacted:{kind}]{after}"
    assert redact.apply(redact.apply(before + secret + after)) == redact.apply(
        before + secret + after
    )


@pytest.mark.parametrize(
    "name",
    ["authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "cookies", "credentials",
     "credential", "bearer", "bot_token", "csrf_token", "csrftoken", "xsrf-token", "sessionid",
     "connection_string", "connectionString", "access_token", "accessToken", "auth_token",
     "refresh_token", "id_token", "session_token"],
)  # fmt: skip
def test_what_lets_somebody_in_is_redacted_under_the_name_that_says_so(name: str) -> None:
    def logged(value: str) -> JsonValue:
        return {
            name: value,
            "in": [{"key": name, "value": {"stringValue": value}}, {name: [value]}],
            "text": json.dumps({name: value}),
        }

    assert redaction().apply(logged("Zx9kQ2mPaa77")) == logged("[redacted:named_secret]")


@pytest.mark.parametrize(
    ("record", "clean"),
    [
        ({"set-cookie": "sid=abc; Path=/; Expires=Wed, 21 Oct 2026"},
         {"set-cookie": "[redacted:named_secret]"}),
        ({"password": "hunter"}, {"password": "[redacted:named_secret]"}),
        ({"dbPassword": ["a1b2"]}, {"dbPassword": ["[redacted:named_secret]"]}),
        ({"OPENAI_API_KEY": 123456}, {"OPENAI_API_KEY": "[redacted:named_secret]"}),
        ({"Authorization": "Basic dXNlcjpwYXNz"},
         {"Authorization": "Basic [redacted:authorization]"}),
        ({"name": "client_secret", "value": "abcd"},
         {"name": "client_secret", "value": "[redacted:named_secret]"}),
        ({"key": "http.header.x-api-key", "value": {"stringValue": "abcd"}},
         {"key": "http.header.x-api-key", "value": {"stringValue": "[redacted:named_secret]"}}),
    ],
)  # fmt: skip
def test_a_value_is_a_secret_where_its_name_says_so(record: JsonValue, clean: JsonValue) -> None:
    assert redaction().apply(record) == clean


def test_a_secret_that_is_a_key_is_replaced_and_no_entry_is_lost() -> None:
    redact, other = redaction(), "AKIAIOSFODNN7EXAMPLF"
    value: JsonValue = {"AKIAIOSFODNN7EXAMPLE": 1, other: 2, "[redacted:aws_key]": 3}
    assert redact.apply(value) == {
        "[redacted:aws_key]": 1,
        "[redacted:aws_key] 2": 2,
        "[redacted:aws_key] 3": 3,
    }
    assert redact.count == Counter({"aws_key": 2})


@pytest.mark.parametrize("value", NO_SECRETS, ids=range(len(NO_SECRETS)))
def test_what_is_no_secret_is_left_as_it_is(value: JsonValue) -> None:
    redact = redaction()
    assert redact.apply(value) == value
    assert redact.count == Counter()


@pytest.mark.parametrize(
    "part",
    ["sk-", "-----BEGIN ", f"{PEM}\n", "eyJ", "eyJ-", "eyJhbGciOi.", "password=", 'password="',
     "password: ", "password\\", "token=a(", "://", "://a:b@", "authorization: bearer ", "api_key",
     "AKIA", "xoxb-", "pypi-", "key token secret pass "],
)  # fmt: skip
def test_the_cost_grows_with_the_text_and_no_faster(part: str) -> None:
    text = part * (1_000_000 // len(part)) + "("
    began = time.thread_time()
    redaction().apply(text)
    # About a second is measured at ten times the size; by the square it would be an hour.
    assert time.thread_time() - began < 2


@pytest.mark.parametrize(
    ("source", "text", "gone"),
    [(r"EMP-\d{4}", "EMP-1234 and EMP-5", "[redacted:own] and EMP-5"),
     (r"(a)(b)|(?P<inner>c)", "ab c", "[redacted:own] [redacted:own]"),
     (r"(['\"])hush\1", "'hush' or 'hush\"", "[redacted:own] or 'hush\""),
     (r"(?i)secret", "SECRET", "[redacted:own]")],
)  # fmt: skip
def test_a_configured_pattern_is_replaced_as_it_would_match_alone(
    source: str, text: str, gone: str
) -> None:
    assert redaction({"own": source}).apply(text) == gone


def test_every_name_that_a_file_may_use_has_a_pattern_of_its_own() -> None:
    redact = redaction({"my-key": "aaa", "my_key": "bbb", "2nd": "ccc"})
    assert str(redact.apply("aaa bbb ccc")).count("[redacted:") == 3


@pytest.mark.parametrize("source", ["(", "a{99999999999999999999}"])
def test_a_configured_pattern_that_is_none_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        redaction({"own": source})


def test_a_configured_pattern_that_is_slow_on_many_texts_is_named_and_refused() -> None:
    # Far from the deadline of one text, and without an end over a log of such texts.
    log = [Record(f"log:{n}", {"input": "a" * 21 + "!", "output": n}) for n in range(10_000)]
    began = time.thread_time()
    with pytest.raises(Refusal, match=r"The pattern 'nested' under `redact` .* is too slow"):
        list(traces(log, Reading(redaction({"fine": "b+", "nested": "(?:(?:a|a)|(?:a|a))+$"}))))
    assert time.thread_time() - began < 12


@pytest.mark.parametrize("record", [{f"sk-proj-{KEY}": 1}, {f"x sk-proj-{KEY}": 1, "input": "a"}])
def test_a_skip_tells_neither_values_nor_secrets_in_names(record: dict[str, Any]) -> None:
    names = {"output": "answer"} if "input" in record else {}
    (found,) = traces([Record("log:1", {**record, "other": "private words"})],
                      Reading(redaction(), mapping=names))  # fmt: skip
    assert isinstance(found, Skipped)
    assert "[redacted:openai_key]" in found.why
    assert KEY not in found.why
    assert "private words" not in found.why
