import base64
import json
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselang.importers.curl import NOTES, Converted, convert
from caselang.importers.shell import as_template, commands
from kit.messages import translate


def one(text: str) -> dict[str, Any]:
    [step] = convert(text).steps
    request: dict[str, Any] = step["request"]
    return request


def notes(done: Converted) -> list[tuple[str, str]]:
    return [(note.kind, note.option) for note in done.notes]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("curl example.test", {"method": "GET", "url": "http://example.test"}),
        ("curl -I https://x.test/a", {"method": "HEAD", "url": "https://x.test/a"}),
        ("curl -XDELETE 'https://x.test/a?b=1&c=2'", {"method": "DELETE", "url": "https://x.test/a?b=1&c=2"}),
        ("curl --url https://x.test -X patch", {"method": "PATCH", "url": "https://x.test"}),
        (
            "curl https://x.test -d a=1 -d 'b=x+y'",
            {"method": "POST", "url": "https://x.test", "body": {"form": [["a", "1"], ["b", "x y"]]}},
        ),
        (
            "curl https://x.test -d 'a=1&b=x y'",
            {
                "method": "POST",
                "url": "https://x.test",
                "headers": {"Content-Type": "application/x-www-form-urlencoded"},
                "body": {"text": "a=1&b=x y"},
            },
        ),
        (
            "curl https://x.test -H 'content-type: application/json; charset=utf-8' -d '{\"id\": 9007199254740993}'",
            {
                "method": "POST",
                "url": "https://x.test",
                "headers": {"content-type": "application/json; charset=utf-8"},
                "body": {"json": {"id": 9007199254740993}},
            },
        ),
        (
            "curl https://x.test --json '{\"price\": 1.10}'",
            {
                "method": "POST",
                "url": "https://x.test",
                "headers": {"Content-Type": "application/json", "Accept": "application/json"},
                "body": {"text": '{"price": 1.10}'},
            },
        ),
        ("curl -G x.test/s -d q=1 --data-urlencode 'n=a b&c'", {"method": "GET", "url": "http://x.test/s?q=1&n=a%20b%26c"}),
        (
            "curl x.test -H 'X-A: 1' -H 'X-A: 2' -H 'X-Empty;' -A me -e from",
            {
                "method": "GET",
                "url": "http://x.test",
                "headers": [["X-A", "1"], ["X-A", "2"], ["X-Empty", ""], ["User-Agent", "me"], ["Referer", "from"]],
            },
        ),
        (
            "curl -u bob:pw x.test",
            {"method": "GET", "url": "http://x.test", "auth": {"type": "basic", "username": "bob", "password": "pw"}},
        ),
        (
            "curl x.test -F 'a=1;type=text/plain' --form-string 'b=@not;a=file'",
            {
                "method": "POST",
                "url": "http://x.test",
                "body": {
                    "multipart": [
                        {"name": "a", "text": "1", "content_type": "text/plain"},
                        {"name": "b", "text": "@not;a=file"},
                    ]
                },
            },
        ),
        (
            r"curl $'http://x.test/it\'s' --data-raw $'caf\u00e9\n\x41\101' -H 'Content-Type: text/plain'",
            {
                "method": "POST",
                "url": "http://x.test/it's",
                "headers": {"Content-Type": "text/plain"},
                "body": {"text": "café\nAA"},
            },
        ),
        ("curl {{base_url}}/login", {"method": "GET", "url": "{{base_url}}/login"}),
        ("curl 'http://x.test/{{' -d '{{1'", {
            "method": "POST",
            "url": r"http://x.test/\{{",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            "body": {"text": r"\{{1"},
        }),
    ],
)  # fmt: skip
def test_a_command_becomes_a_request(text: str, expected: dict[str, Any]) -> None:
    assert one(text) == expected


def test_lines_are_joined_by_backslashes_and_several_commands_become_several_steps() -> None:
    done = convert(
        """$ export A=1
        # a comment
        curl -s \\
          -H 'Accept: application/json' \\
          https://x.test/one | jq .
        TOKEN=abc /usr/bin/curl "https://x.test/two" > out.txt 2>&1; curl https://x.test/three && echo done
        curl https://x.test/four --next -d a=1 https://x.test/five
        """
    )
    assert [(step["request"]["method"], step["request"]["url"]) for step in done.steps] == [
        ("GET", "https://x.test/one"),
        ("GET", "https://x.test/two"),
        ("GET", "https://x.test/three"),
        ("GET", "https://x.test/four"),
        ("POST", "https://x.test/five"),
    ]
    assert [step["name"] for step in done.steps][:2] == ["GET /one", "GET /two"]
    assert notes(done) == [
        ("not_curl", "export"),
        ("left_out", "-s"),
        ("computed", "|"),
        ("computed", ">"),
        ("computed", ">&1"),
        ("not_curl", "echo"),
    ]


def test_what_browsers_copy_for_cmd_is_read_with_its_carets() -> None:
    chrome = (
        'curl ^"https://x.test/api?a=1^&b=50^%^25^" ^\n'
        '  -H ^"accept: */*^" ^\n'
        '  -H ^"content-type: application/json^" ^\n'
        '  --data-raw ^"^{^\\^"user^\\^":^\\^"bob^\\^",^\\^"n^\\^":1^}^"\n'
    )
    plain = (
        'curl "https://x.test/api?a=1&b=50%25" ^\r\n  -H "accept: */*" ^\r\n  -H "content-type: application/json" ^\r\n'
        '  --data-raw "{\\"user\\":\\"bob\\",\\"n\\":1}"'
    )
    for text in (chrome, plain):
        assert one(text) == {
            "method": "POST",
            "url": "https://x.test/api?a=1&b=50%25",
            "headers": {"accept": "*/*", "content-type": "application/json"},
            "body": {"json": {"user": "bob", "n": 1}},
        }
    assert one('curl ^"http://x.test^" ^\n --data-raw ^"a^\n\nb^" ^\n -H ^"Content-Type: text/plain^"')["body"] == {
        "text": "a\nb"
    }


def test_limits_and_transport_become_options_or_notes() -> None:
    done = convert(
        "curl -kL --max-redirs 3 -m 2.5 --retry 2 -x http://proxy:1 --http2 --cert c.pem --colour x.test -sSo out"
    )
    assert done.steps[0]["options"] == {
        "verify_tls": False,
        "max_redirects": 3,
        "timeout_ms": 2500,
        "retry": {"max": 2},
    }
    assert notes(done) == [
        ("converted", "-k"),
        ("approximated", "--retry"),
        ("environment", "-x"),
        ("unsupported", "--http2"),
        ("unsupported", "--cert"),
        ("unknown", "--colour"),
        ("left_out", "-s, -S, -o"),
    ]
    assert convert("curl x.test").steps[0]["options"] == {"follow_redirects": False}, "curl follows only when told"


def test_files_variables_and_substitutions_are_named() -> None:
    done = convert('curl "$HOST/a" -d @body.json -F f=@/tmp/a.png -H "X: ${NAME} $(date)" -b jar.txt')
    assert done.steps[0]["request"]["url"] == "{{HOST}}/a"
    assert done.steps[0]["request"]["headers"]["X"] == "{{NAME}} $(date)"
    kinds = notes(done)
    for expected in (
        ("file", "-d"),
        ("file", "-F f"),
        ("file", "-b"),
        ("variable", "$HOST"),
        ("variable", "$NAME"),
        ("computed", "$("),
    ):
        assert expected in kinds
    assert one("curl 'http://x/$HOST'")["url"] == "http://x/$HOST", "single quotes keep a shell from looking"


def test_credentials_are_taken_out_once_and_named() -> None:
    basic = base64.b64encode(b"bob:hunter22").decode()
    done = convert(
        f"""curl 'https://x.test/?access_token=query-token&page=1' -H 'Authorization: Bearer jwt-jwt-jwt' \
          -H 'X-API-Key: key-key-key' -b 'sessionid=cookie-cookie; lang=zh' -H 'Content-Type: application/json' \
          -d '{{"user": "bob", "password": "hunter22", "tokens": 5, "refreshToken": "jwt-jwt-jwt", "pwd": "short"}}'
        curl x.test -H 'Authorization: Basic {basic}'"""
    )
    first, second = (step["request"] for step in done.steps)
    assert first["url"] == "https://x.test/?access_token={{access_token}}&page=1"
    assert first["auth"] == {"type": "bearer", "token": "{{token}}"}
    assert first["headers"]["X-API-Key"] == "{{x_api_key}}"
    assert first["headers"]["Cookie"] == "sessionid={{sessionid}}; lang=zh"
    assert first["body"]["json"] == {
        "user": "bob",
        "password": "{{password}}",
        "tokens": 5,
        "refreshToken": "{{token}}",
        "pwd": "short",
    }
    assert second["auth"] == {"type": "basic", "username": "bob", "password": "{{password}}"}
    found = {secret.name: secret.value for secret in done.secrets_found}
    assert found == {
        "access_token": "query-token",
        "token": "jwt-jwt-jwt",
        "x_api_key": "key-key-key",
        "sessionid": "cookie-cookie",
        "password": "hunter22",
    }
    assert done.secrets_found[1].field == "steps[0].request.auth.token"
    assert not any(value in json.dumps(done.steps) for value in found.values())


def test_too_many_commands_are_cut_with_a_note() -> None:
    done = convert("curl x.test;" * 300)
    assert len(done.steps) == 200
    assert notes(done) == [("too_many", "curl")]


def test_every_note_has_a_chinese_sentence() -> None:
    values = {"option": "-k", "as": "x"}
    for message in NOTES.values():
        assert translate(message, values, "zh") != translate(message, values, "en")


@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs", "Co"])), min_size=1, max_size=4)
)
def test_what_bash_quotes_is_read_as_it_was(words: list[str]) -> None:
    quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
    [command] = commands(f"curl {quoted}")
    assert command.words == ["curl", *(word.replace("\r\n", "\n") for word in words)]


@given(st.text(alphabet="ab '\"\\$\n{}", max_size=12))
def test_words_are_those_of_bash_itself(text: str) -> None:
    script = f"printf '%s\\0' curl {text}"
    bash = subprocess.run(["bash", "-c", script], env={}, capture_output=True, check=False, timeout=10)
    simple = "$" not in text and "{" not in text and "\n" not in text.replace("\\\n", "")
    if bash.returncode == 0 and not bash.stderr and simple:
        [command] = commands(f"curl {text}")
        assert [as_template(word) for word in command.words] == bash.stdout.decode().split("\0")[:-1]


@given(st.text(max_size=200))
def test_no_text_makes_it_fall_over(text: str) -> None:
    convert(f"curl {text}")
