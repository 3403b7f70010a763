"""Write a file as a comment of a pull request (GitHub) or a note of a merge request (GitLab).

    NM_TOKEN=... python comment.py COMMENTS_URL FILE

The first line of the file is a hidden marker: an earlier comment with it is changed in place, so
that a pull request keeps one comment. Only Python's own library is needed.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PAGES = 20
"""Pages of a hundred comments that are searched for the marker."""
TIMEOUT_S = 30


def call(url: str, token: str, method: str = "GET", body: dict[str, str] | None = None) -> Any:
    """One request; both services take the token of the other's header without harm."""
    request = urllib.request.Request(url, method=method)  # noqa: S310 - `main` has looked at it
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Accept", "application/json")
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, data, timeout=TIMEOUT_S) as answer:  # noqa: S310
        return json.load(answer)


def earlier(url: str, token: str, marker: str) -> str | None:
    """Address of the comment that has the marker, None when there is none yet."""
    for page in range(1, PAGES + 1):
        found = call(f"{url}?per_page=100&page={page}", token)
        for comment in found:
            if marker in comment["body"]:
                # GitHub: .../issues/7/comments -> .../issues/comments/12; GitLab: .../notes/12
                own: str = comment.get("url") or f"{url}/{comment['id']}"
                return own
        if len(found) < 100:
            return None
    return None


def main(url: str, file: Path) -> int:
    """Write or change the comment."""
    if urlsplit(url).scheme not in ("http", "https"):
        print(f"not a web address: {url}", file=sys.stderr)
        return 1
    token, text = os.environ["NM_TOKEN"], file.read_text(encoding="utf-8")
    try:
        own = earlier(url, token, text.splitlines()[0])
        if own is None:
            call(url, token, "POST", {"body": text})
        else:
            call(own, token, "PATCH" if "/comments/" in own else "PUT", {"body": text})
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        print(f"the comment was not written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
