"""Sources described in YAML: what an editor and `check` make of nested options, and what `source test` shows of the first post."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import pytest

from config.document import ConfigErrors
from config.schema import schema
from config.settings import load
from connectors.base import secrets_of
from monitor.commands.source import _test
from monitor.setting import models, options_of

LIST = """sources:
- name: portal
  network: http_json
  url: {url}/list
  headers: {{Authorization: {{file: whole}}, X-Key: "k {{key}}", Accept: application/json}}
  secrets: {{key: {{file: key}}}}
  posts: data
  fields: {{id: id, text: {text}, published_at: at, author_name: by.name}}
"""


@pytest.fixture
def service() -> Iterator[str]:
    class Portal(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = (self.headers["Authorization"], self.headers["X-Key"]) == ("Bearer s3cret-whole", "k s3cret-key")
            self.send_response(200 if known else 401)
            self.end_headers()
            posts = [{"id": 7, "body": "Естай, 40:\nсу жоқ", "at": "2026-11-24T09:00:00+05:00", "by": {"name": "Айгүл"}}]
            self.wfile.write(json.dumps({"data": posts}).encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def written(folder: Path, text: str) -> Path:
    (folder / "whole").write_text("Bearer s3cret-whole\n")
    (folder / "key").write_text("s3cret-key\n")
    path = folder / "qulaq.yaml"
    path.write_text(text)
    return path


def tried(config: Path) -> int:
    """`source test` behind its reading of the knowledge, which takes seconds."""
    return asyncio.run(_test(load(config, models()).sources[0], False, None))


def test_the_first_post_is_shown_part_by_part(service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, LIST.format(url=service, text="body"))
    assert tried(config) == 0
    said = capsys.readouterr().out
    for line in ("portal: the first one, as it was read:", "  native_id            portal/7", "  text                 Естай, 40: су жоқ",
                 "  published_at         2026-11-24T04:00:00+00:00", "  author               Айгүл"):
        assert line in said


def test_a_wrong_description_says_how_to_mend_it_and_no_secret(service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = written(tmp_path, LIST.format(url=service, text="text"))
    assert tried(config) == 1
    said = capsys.readouterr().out
    assert "post 1 of 1: fields.text: `text` gives nothing" in said
    assert "the post has: id, body, at, by" in said
    settings = options_of(load(config, models()).sources[0])
    assert set(secrets_of(settings)) == {"Bearer s3cret-whole", "s3cret-key"}
    assert "s3cret" not in said + repr(settings)


def test_a_nested_fault_has_its_line(tmp_path: Path) -> None:
    config = written(tmp_path, """sources:
- name: portal
  network: http_json
  url: https://portal.example.kz/list
  secrets:
    key: abcdef
  fields:
    id: id
    txt: body
    text: "join("
  paging: {by: pages}
- {name: a, network: webhook, secret: {file: whole}, inbox: box}
- {name: b, network: webhook, secret: {file: whole}, inbox: box}
""")
    with pytest.raises(ConfigErrors) as caught:
        load(config, models())
    said = str(caught.value)
    for line in ("qulaq.yaml:6: sources[0].secrets.key: a secret must not stand in this file; write {env: NAME} or {file: PATH}",
                 'qulaq.yaml:9: sources[0].fields.txt: unknown option; did you mean "text"?', "qulaq.yaml:10: sources[0].fields.text: `join(` is no JMESPath",
                 'qulaq.yaml:11: sources[0].paging.by: "pages" is not one of', 'qulaq.yaml:13: sources[2].inbox: "box" is taken (line 12)'):
        assert line in said
    assert "abcdef" not in said


def test_the_schema_knows_nested_options_and_references_to_secrets() -> None:
    validator = jsonschema.Draft202012Validator(schema(models()))
    source = {"name": "p", "network": "http_json", "url": "https://portal.example.kz/list", "fields": {"id": "id", "text": "body"},
              "headers": {"Accept": "application/json", "Authorization": {"env": "A"}}, "params": {"limit": 100, "all": True}, "secrets": {"key": {"file": "k"}}}
    assert not list(validator.iter_errors({"sources": [source]}))
    for wrong in ({"secrets": {"key": "plain"}}, {"secrets": {"key": {"env": "A", "file": "b"}}}, {"fields": {"id": "id"}}, {"paging": {"by": "pages"}},
                  {"times": {"zone": 5}}, {"headers": {"A": {"envy": "A"}}}):
        assert list(validator.iter_errors({"sources": [{**source, **wrong}]})), wrong
